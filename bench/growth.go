package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// growth measures how cost grows with one thing at a time.
type growth struct {
	out     io.Writer
	program string // kvorum
	dir     string
	turn    time.Duration
	turns   int
	only    []int // the sizes to measure; none: those of each series
	series  series
	points  []point
}

// point is one figure that was measured.
type point struct {
	Series string  `json:"series"`
	System string  `json:"system"`
	X      int     `json:"x"`      // how many, or how large
	Figure string  `json:"figure"` // with its unit
	Value  float64 `json:"value"`
}

func (p point) isAnother(q point) bool {
	return p.Series != q.Series || p.System != q.System || p.X != q.X || p.Figure != q.Figure
}

// series is what grows, and who measures what comes of it.
type series struct {
	name    string
	axis    string
	sizes   []int
	measure func(*growth, context.Context) error
}

// usualSeries are those that are measured together. The other takes long, and much memory.
const usualSeries = "idle,servers,keys,values,sessions,watchers,lag"

// The sizes fit into ten minutes for all. Others can be asked for.
var allSeries = []series{
	{"idle", "keys", []int{0}, (*growth).measureIdle},
	{"servers", "servers", []int{3, 5, 7}, (*growth).measureServers},
	{"keys", "keys, with values of 256 bytes", []int{1e3, 1e4, 1e5, 1e6}, (*growth).measureKeys},
	{"tiny-keys", "keys, with values of 16 bytes", []int{1e5, 1e6, 1e7}, (*growth).measureTinyKeys},
	{"values", "bytes in a value", []int{16, 256, 4 << 10, 64 << 10, 1 << 20}, (*growth).measureValues},
	{"sessions", "sessions", []int{1, 10, 100, 1e3, 1e4}, (*growth).measureSessions},
	{"watchers", "watchers", []int{1, 10, 100, 1e3, 1e4}, (*growth).measureWatchers},
	{"lag", "entries that a follower lags behind", []int{1e3, 1e4, 1e5}, (*growth).measureLag},
}

// report measures the series with these names, prints them, and writes them to a
// folder, unless that is empty. If it fails it does so with what it has.
func (g *growth) report(ctx context.Context, names, only, folder string) (err error) {
	started := time.Now()
	if g.only, err = sizes(only); err != nil {
		return err
	}
	err = g.run(ctx, names)
	describeMachine(g.out, g.program, g.dir, started)
	if folder != "" && len(g.points) > 0 {
		err = errors.Join(err, g.write(folder))
	}
	return err
}

// run measures the series with these names, each with servers of its own.
func (g *growth) run(ctx context.Context, names string) error {
	if names == "all" {
		names = usualSeries
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(allSeries, func(s series) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("-growth: there is no series %q", name)
		}
		g.series = allSeries[i]
		if len(g.only) > 0 {
			g.series.sizes = g.only
		}
		dir, err := os.MkdirTemp(g.dir, name+"-")
		if err != nil {
			return err
		}
		in := *g
		in.dir = dir
		err = g.series.measure(&in, ctx)
		g.points = in.points
		g.print()
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (g *growth) add(system string, x int, figure string, value float64) {
	g.points = append(g.points, point{g.series.name, system, x, figure, value})
}

// print prints the present series: a row for each size and system, and a column for
// each figure.
func (g *growth) print() {
	figures, rows := inSeries(g.points, g.series.name)
	if len(rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s\tsystem\t%s\t\n", g.series.name, strings.Join(figures, "\t"))
	for _, row := range rows {
		fmt.Fprintf(w, "%d\t%s\t", row[0].X, row[0].System)
		for _, f := range figures {
			i := slices.IndexFunc(row, func(p point) bool { return p.Figure == f })
			if i >= 0 {
				fmt.Fprint(w, shortFloat(row[i].Value))
			}
			fmt.Fprint(w, "\t")
		}
		fmt.Fprintln(w)
	}
	w.Flush() //nolint:errcheck // it is the terminal
}

// inSeries returns the figures of a series and its points by size and system, both in
// the order in which they were first measured.
func inSeries(points []point, name string) (figures []string, rows [][]point) {
	for _, p := range points {
		if p.Series != name {
			continue
		}
		if !slices.Contains(figures, p.Figure) {
			figures = append(figures, p.Figure)
		}
		i := slices.IndexFunc(rows, func(row []point) bool { return row[0].X == p.X && row[0].System == p.System })
		if i < 0 {
			i, rows = len(rows), append(rows, nil)
		}
		rows[i] = append(rows[i], p)
	}
	return figures, rows
}

// shortFloat has three digits that count.
func shortFloat(v float64) string {
	if v >= 100 || v == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// write adds what was measured to growth.json in dir, where it takes the place of
// what was measured of the same before, and draws every series that is there.
func (g *growth) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, "growth.json")
	var all []point
	switch text, err := os.ReadFile(file); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(text, &all); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, p := range g.points {
		all = append(slices.DeleteFunc(all, func(old point) bool { return !old.isAnother(p) }), p)
	}
	text, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return err
	}
	for _, s := range allSeries {
		if err := drawSeries(s, all, filepath.Join(dir, s.name+".svg")); err != nil {
			return fmt.Errorf("draw %s: %w", s.name, err)
		}
	}
	return nil
}

// sizes reads a list of numbers.
func sizes(list string) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("-sizes: %w", err)
		}
		all = append(all, n)
	}
	return all, nil
}
