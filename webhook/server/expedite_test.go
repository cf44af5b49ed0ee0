package server_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who opens a link waits for the page: the case goes before its batch from then on. A link that is good for nothing
// moves no case.
func TestALinkThatIsOpenedExpeditesTheCase(t *testing.T) {
	r := waiting(person)
	v := visit(t, r)
	v.get("/verify/link/none")
	v.get(v.link("", -time.Hour))
	require.Empty(t, r.hurried)
	v.get(v.link("", time.Hour))
	require.Equal(t, []string{"A1"}, r.hurried)
}
