package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one change of one operator, and what the package's tests made of it.
type mutant struct {
	id       id
	line     int
	site     *site
	operator token.Token // in place of the site's
	status   status
}

type status string

const (
	killed      status = "killed"
	lived       status = "lived"
	timedOut    status = "did not end"
	tooSlow     status = "did not end, and hardly ran" // the machine may have been busy: it is tried once more
	uncompiled  status = "does not compile"
	unattempted status = ""
)

// site is an operator with what it works on, by its place in the file.
type site struct {
	file      string
	from, to  int // of the whole expression or statement
	x, y      [2]int
	operator  token.Token
	at        int // the operator's own place
	lines     [2]int
	mutants   []int // numbers, from 1
	unchanged bool  // not switched in the one build of all mutants: each of its mutants is a build of its own
}

// operators are Gremlins' default ones: the other side of a bound, the opposite of a comparison, another arithmetic.
var operators = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.INC: {token.DEC}, token.DEC: {token.INC},
}

// find lists the mutants of a package: all of them, or those in some lines.
func find(tree, pkg, only string) ([]*mutant, error) {
	files, err := filepath.Glob(filepath.Join(tree, pkg, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []*mutant
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		name := filepath.ToSlash(pkg + "/" + filepath.Base(path))
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		some, err := findIn(name, text)
		if err != nil {
			return nil, err
		}
		for _, m := range some {
			if only == "" || slices.Contains(strings.Split(only, ","), fmt.Sprintf("%s:%d", name, m.line)) {
				all = append(all, m)
				m.site.mutants = append(m.site.mutants, len(all))
			}
		}
	}
	return all, nil
}

func findIn(name string, text []byte) (all []*mutant, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	offset := func(p token.Pos) int { return set.Position(p).Offset }
	span := func(n ast.Node) [2]int { return [2]int{offset(n.Pos()), offset(n.End())} }
	var sites []*site
	ast.Inspect(file, func(n ast.Node) bool {
		s := &site{file: name}
		switch n := n.(type) {
		case *ast.BinaryExpr:
			s.operator, s.at, s.x, s.y = n.Op, offset(n.OpPos), span(n.X), span(n.Y)
		case *ast.IncDecStmt:
			s.operator, s.at, s.x = n.Tok, offset(n.TokPos), span(n.X)
		case *ast.UnaryExpr:
			if n.Op != token.SUB {
				return true
			}
			s.operator, s.at, s.y = n.Op, offset(n.OpPos), span(n.X)
		default:
			return true
		}
		whole := span(n)
		s.from, s.to = whole[0], whole[1]
		s.lines = [2]int{set.Position(n.Pos()).Line, set.Position(n.End()).Line}
		sites = append(sites, s)
		return true
	})
	slices.SortFunc(sites, func(a, b *site) int { return a.at - b.at })
	lines, seen := strings.Split(string(text), "\n"), map[id]int{}
	for _, s := range sites {
		line := set.Position(file.FileStart + token.Pos(s.at)).Line
		for _, operator := range operators[s.operator] {
			i := id{name, functionAt(set, file, line), s.operator.String() + "→" + operator.String(), 0,
				strings.TrimSpace(lines[line-1])}
			seen[i]++
			numbered := i
			numbered.number = seen[i]
			all = append(all, &mutant{id: numbered, line: line, site: s, operator: operator})
		}
	}
	return all, nil
}

func functionAt(set *token.FileSet, file *ast.File, line int) string {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && set.Position(f.Pos()).Line <= line && line <= set.Position(f.End()).Line {
			return f.Name.Name
		}
	}
	return "-"
}
