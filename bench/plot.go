package main

import (
	"fmt"
	"image/color"
	"maps"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// plot draws, for every workload with values of 256 bytes, throughput over the
// number of clients.
func (b *bench) plot(dir string) error {
	var workloads []string
	lines := map[string]map[string]plotter.XYs{} // by workload and system
	for _, r := range b.results {
		if r.Bytes != 256 {
			continue
		}
		if lines[r.Workload] == nil {
			workloads = append(workloads, r.Workload)
			lines[r.Workload] = map[string]plotter.XYs{}
		}
		lines[r.Workload][r.System] = append(lines[r.Workload][r.System], plotter.XY{X: float64(r.Clients), Y: r.PerSecond})
	}
	for _, w := range workloads {
		if err := draw(w, lines[w], filepath.Join(dir, w+".svg")); err != nil {
			return fmt.Errorf("plot %s: %w", w, err)
		}
	}
	return nil
}

func draw(workload string, lines map[string]plotter.XYs, file string) error {
	p := plot.New()
	p.Title.Text = workload + ", values of 256 bytes"
	p.X.Label.Text, p.Y.Label.Text = "clients", "per second"
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks([]plot.Tick{{Value: 1, Label: "1"}, {Value: 16, Label: "16"}, {Value: 64, Label: "64"}, {Value: 256, Label: "256"}})
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	for _, system := range slices.Sorted(maps.Keys(lines)) {
		xys := lines[system]
		slices.SortFunc(xys, func(a, b plotter.XY) int { return int(a.X - b.X) })
		if err := addLine(p, system, xys); err != nil {
			return fmt.Errorf("%s: %w", system, err)
		}
	}
	p.X.Min, p.X.Max = 1, 256 // also if there is one number of clients alone, which gives no axis
	return p.Save(14*vg.Centimeter, 9*vg.Centimeter, file)
}

// colourOf has the systems' colours, which are the same in every chart. What is measured of
// kvorum alone, in several ways, has kvorum's first and then those of nobody else there.
var colourOf = map[string]color.Color{
	"echo":                    color.Gray{Y: 140},
	"kvorum":                  plotutil.SoftColors[0],
	"at one server":           plotutil.SoftColors[0],
	"all followers run":       plotutil.SoftColors[0],
	"plain, beside them":      plotutil.SoftColors[0],
	"raft+node+wal":           plotutil.SoftColors[0],
	"etcd":                    plotutil.SoftColors[2],
	"hashicorp/raft+raft-wal": plotutil.SoftColors[3],
	"baseline":                plotutil.SoftColors[4],
	"at every server":         plotutil.SoftColors[4],
	"one is paused":           plotutil.SoftColors[4],
	"through sessions":        plotutil.SoftColors[4],
}

// addLine draws a system's line, with dots where it was measured.
func addLine(p *plot.Plot, system string, xys plotter.XYs) error {
	colour, ok := colourOf[system]
	if !ok {
		return fmt.Errorf("%q has no colour", system)
	}
	line, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	line.Color, dots.Color, dots.Shape = colour, colour, plotutil.Shape(0)
	p.Add(line, dots)
	p.Legend.Add(system, line, dots)
	return nil
}
