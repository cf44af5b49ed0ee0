package facts

import "reflect"

// EventTypes are the types of events that facts have names for.
func EventTypes() (all []string) {
	for _, kind := range kinds {
		all = append(all, reflect.TypeOf(kind).Name())
	}
	return all
}
