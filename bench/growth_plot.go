package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	tiles "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// drawSeries draws a panel for each figure of a series, over what grows. There is
// nothing to draw of a series with one size.
func drawSeries(s series, points []point, file string) (err error) {
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b point) int { return a.X - b.X })
	figures, rows := inSeries(points, s.name)
	if len(rows) == 0 || rows[0][0].X == rows[len(rows)-1][0].X {
		return nil
	}
	var systems []string
	for _, row := range rows {
		systems = append(systems, row[0].System)
	}
	slices.Sort(systems)
	systems = slices.Compact(systems)
	const columns = 3
	panels := make([][]*plot.Plot, (len(figures)+columns-1)/columns)
	for i := range panels {
		panels[i] = make([]*plot.Plot, columns)
	}
	for i, figure := range figures {
		p, err := panel(s, systems, figure, points)
		if err != nil {
			return fmt.Errorf("%s: %w", figure, err)
		}
		if i > 0 {
			p.Legend = plot.NewLegend() // the first will do
		}
		panels[i/columns][i%columns] = p
	}
	return save(panels, file)
}

// save arranges panels in rows and columns of the same sizes.
func save(panels [][]*plot.Plot, file string) error {
	columns := len(panels[0])
	canvas := vgsvg.New(vg.Length(columns)*8*vg.Centimeter, vg.Length(len(panels))*6*vg.Centimeter)
	layout := tiles.Tiles{Rows: len(panels), Cols: columns, PadX: vg.Centimeter / 2, PadY: vg.Centimeter / 2, PadRight: vg.Centimeter / 4}
	whole := tiles.New(canvas)
	whole.SetColor(color.White) // between the panels, too
	whole.Fill(whole.Rectangle.Path())
	for i, row := range plot.Align(panels, layout, whole) {
		for j, c := range row {
			if panels[i][j] != nil {
				panels[i][j].Draw(c)
			}
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	return errors.Join(err, f.Close())
}

// panel draws one figure of some systems.
// What varies more than tenfold has a logarithmic axis.
func panel(s series, systems []string, figure string, points []point) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = figure
	p.X.Label.Text = s.axis
	lines := map[string]plotter.XYs{}
	var ticks []plot.Tick
	lowest, highest := math.Inf(1), 0.0
	for _, at := range points {
		if at.Series != s.name || at.Figure != figure {
			continue
		}
		lines[at.System] = append(lines[at.System], plotter.XY{X: float64(at.X), Y: at.Value})
		ticks = append(ticks, plot.Tick{Value: float64(at.X), Label: shortInt(at.X)})
		lowest, highest = min(lowest, at.Value), max(highest, at.Value)
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	if ticks[0].Value > 0 && ticks[len(ticks)-1].Value > 10*ticks[0].Value {
		p.X.Scale = plot.LogScale{}
	}
	p.Y.Min, p.Y.Max = 0, 1.4*highest // leaves room for the legend
	if lowest > 0 && highest > 10*lowest {
		p.Y.Min, p.Y.Max, p.Y.Scale, p.Y.Tick.Marker = lowest, 3*highest, plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	p.Legend.Top = true
	for _, name := range systems {
		if lines[name] == nil {
			continue
		}
		if err := addLine(p, name, lines[name]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// shortInt writes thousands as k and millions as M, powers of two as Ki and Mi.
func shortInt(n int) string {
	for _, u := range []struct {
		size int
		name string
	}{{1 << 20, "Mi"}, {1e6, "M"}, {1 << 10, "Ki"}, {1e3, "k"}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprint(n/u.size, u.name)
		}
	}
	return fmt.Sprint(n)
}
