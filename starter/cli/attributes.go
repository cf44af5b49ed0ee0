package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"durablekyc.example/workflows"
)

// prepareAttributes defines the search attributes that are missing, and waits
// until cases can be found by them.
func (p *setupRun) prepareAttributes(ctx context.Context) {
	wanted := workflows.SearchAttributes()
	names := slices.Sorted(maps.Keys(wanted))
	var defined map[string]enumspb.IndexedValueType
	err := p.retryUntil(ctx, time.Now().Add(propagationTimeout), passingOrNew, func(ctx context.Context) (err error) {
		defined, err = attributes(ctx, p.temporal, p.namespace, names)
		return err
	})
	if err != nil {
		p.refused("search attributes", "list them", err, addAttributes(p.namespace, names, p.cloud))
		return
	}
	lacking := map[string]enumspb.IndexedValueType{}
	for _, name := range names {
		if _, there := defined[name]; !there {
			lacking[name] = wanted[name]
		}
	}
	if len(lacking) > 0 {
		err = p.retryUntil(ctx, time.Now().Add(propagationTimeout), passingOrNew, func(ctx context.Context) error {
			_, err := p.temporal.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
				Namespace: p.namespace, SearchAttributes: lacking})
			return err
		})
	}
	for _, name := range names {
		check := "search attribute " + name
		as, there := defined[name]
		switch {
		case !there && err != nil:
			p.refused(check, "add it", err, addAttributes(p.namespace, slices.Sorted(maps.Keys(lacking)), p.cloud))
			continue
		case there && as != wanted[name] && as != enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED:
			p.add(checkResult{check, notDone, wrongType(as, wanted[name]), otherType(p.namespace, name, p.cloud)})
			continue
		}
		if err := p.retryUntil(ctx, time.Now().Add(propagationTimeout), isNotPropagated,
			func(ctx context.Context) error { return p.countable(ctx, name) }); err != nil {
			p.refused(check, "find a case by it", err, "starter setup")
			continue
		}
		switch {
		case !there:
			p.add(checkResult{check, created, wanted[name].String(), ""})
		case as == enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED:
			p.add(checkResult{check, alreadyThere, unseenType, ""})
		default:
			p.add(checkResult{check, alreadyThere, as.String(), ""})
		}
	}
}

// passingOrNew is also what a namespace fails with that is known here and not
// yet there.
func passingOrNew(err error) bool { return isTransient(err) || missing(err) }

// countable asks visibility for a search attribute, or just for anything.
func (p *setupRun) countable(ctx context.Context, name string) error {
	return countable(ctx, p.temporal, p.namespace, name)
}

func countable(ctx context.Context, c client.Client, namespace, name string) error {
	query := ""
	if name != "" {
		query = name + " IS NULL"
	}
	_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query})
	return err
}

// attributes are those of these names that a namespace has, with their types.
// Where they may be used and not be listed, they are found by using them, and
// their types are unspecified.
func attributes(ctx context.Context, c client.Client, namespace string,
	names []string) (map[string]enumspb.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err == nil {
		return listed.GetCustomAttributes(), nil
	}
	if !forbidden(err) {
		return nil, err
	}
	found := map[string]enumspb.IndexedValueType{}
	for _, name := range names {
		err := countable(ctx, c, namespace, name)
		_, isUnknown := errors.AsType[*serviceerror.InvalidArgument](err)
		switch {
		case err == nil:
			found[name] = enumspb.INDEXED_VALUE_TYPE_UNSPECIFIED
		case !isUnknown:
			return nil, err
		}
	}
	return found, nil
}

const unseenType = "these credentials may not see its type"

func wrongType(is, wanted enumspb.IndexedValueType) string {
	return fmt.Sprintf("it has type %s, but must have %s", is, wanted)
}

func addAttributes(namespace string, names []string, cloud bool) string {
	types := workflows.SearchAttributes()
	var command strings.Builder
	if cloud {
		fmt.Fprintf(&command, "tcld namespace search-attributes add --namespace %s", namespace)
		for _, name := range names {
			fmt.Fprintf(&command, " --sa %s=%s", name, types[name])
		}
		return command.String() + ", or \"Custom Search Attributes\" of the namespace in the Temporal Cloud UI, as its admin"
	}
	fmt.Fprintf(&command, "temporal operator search-attribute create --namespace %s", namespace)
	for _, name := range names {
		fmt.Fprintf(&command, " --name %s --type %s", name, types[name])
	}
	return command.String() + ", as an admin of the namespace"
}

// otherType makes room for a search attribute whose name is taken.
func otherType(namespace, name string, cloud bool) string {
	if cloud {
		return fmt.Sprintf("tcld namespace search-attributes rename --namespace %s --existing-name %s --new-name %sOld; "+
			"then run starter setup again", namespace, name, name)
	}
	return fmt.Sprintf("temporal operator search-attribute remove --namespace %s --name %s, if nothing else uses it; "+
		"then run starter setup again", namespace, name)
}
