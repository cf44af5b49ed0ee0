package main

// check finds everything that is wrong with the queries of a dashboard and of
// alert rules.
func check(inventory, dashboard, rules string) (wrong []string, err error) {
	known, err := readInventory(inventory)
	if err != nil {
		return nil, err
	}
	shown, err := readDashboard(dashboard)
	if err != nil {
		return nil, err
	}
	alerts, err := readRules(rules)
	if err != nil {
		return nil, err
	}
	for _, q := range append(shown, alerts...) {
		for _, sentence := range known.faults(q) {
			wrong = append(wrong, q.where+": "+sentence)
		}
	}
	return wrong, nil
}
