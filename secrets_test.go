package repository

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"durablekyc.example/internal/config"
)

// secretive is what something is called that strangers try to guess.
var secretive = regexp.MustCompile(`(?i)(token|secret|password|csrf|signature|mac|capability)s?$`)

// comparedPlainly lists the comparisons that no stranger can measure, and why.
var comparedPlainly = map[string]string{
	"connectfi/token.go":      "both tokens are our own: is the one that was refused still the one we hold",
	"internal/config/weak.go": "an operator's secret with printed ones, once, before anybody can connect",
}

// A comparison that ends at the first difference tells a patient stranger how
// much of a guess was right. Presence is no comparison: "" and nil may be asked.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	for _, s := range sources(t) {
		if comparedPlainly[s.path] != "" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if (n.Op == token.EQL || n.Op == token.NEQ) && !plain(n.X) && !plain(n.Y) && (secretive.MatchString(called(n.X)) ||
					secretive.MatchString(called(n.Y))) {
					t.Errorf("%s compares a secret with %s: use subtle.ConstantTimeCompare or hmac.Equal", s.set.Position(n.Pos()),
						n.Op)
				}
			case *ast.CallExpr:
				with := called(n.Fun)
				if with != "Equal" && with != "EqualFold" && with != "Contains" && with != "Compare" || owner(n.Fun) == "hmac" {
					return true
				}
				for _, arg := range n.Args {
					if secretive.MatchString(called(arg)) {
						t.Errorf("%s compares a secret with %s.%s: use subtle.ConstantTimeCompare or hmac.Equal", s.set.Position(n.Pos()),
							owner(n.Fun), with)
					}
				}
			}
			return true
		})
	}
}

// plain is what is no secret: a literal, nil, a composite of nothing, a length.
func plain(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit, *ast.CompositeLit:
		return true
	case *ast.Ident:
		return e.Name == "nil"
	case *ast.CallExpr:
		return called(e.Fun) == "len"
	}
	return false
}

// called is the last name of an expression: token of a.token, of token[:] and of []byte(token).
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.SliceExpr:
		return called(e.X)
	case *ast.IndexExpr:
		return called(e.X)
	case *ast.StarExpr:
		return called(e.X)
	case *ast.UnaryExpr:
		return called(e.X)
	case *ast.ParenExpr:
		return called(e.X)
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			if _, conversion := e.Fun.(*ast.ArrayType); conversion || called(e.Fun) == "string" {
				return called(e.Args[0])
			}
		}
		return called(e.Fun)
	}
	return ""
}

func owner(e ast.Expr) string {
	if selector, ok := e.(*ast.SelectorExpr); ok {
		return called(selector.X)
	}
	return ""
}

// Whoever copies a secret out of a page, a compose file or a test of ours gets a
// service that does not start.
func TestEverySecretThatIsPrintedIsRefused(t *testing.T) {
	assigned := regexp.MustCompile(
		`(KYC_LINK_KEYS|KYC_API_TOKENS|KYC_NOTIFY_SECRET)\s*[=:]\s*["']?([A-Za-z0-9_+/.-]{24,})`)
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && strings.HasPrefix(d.Name(), ".") && path != "." {
				return filepath.SkipDir
			}
			return err
		}
		switch filepath.Ext(path) {
		case ".md", ".yml", ".yaml", ".txtar", ".go", ".sh", ".env":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range assigned.FindAllStringSubmatch(string(text), -1) {
			found++
			require.NotEmpty(t, config.Weak(match[2]), "%s prints %s=%s: draw it, or have package seal know it", path, match[1],
				match[2])
		}
		return err
	})
	require.NoError(t, err)
	require.NotZero(t, found, "the stories of refusals have some")
}
