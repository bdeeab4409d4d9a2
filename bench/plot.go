package main

import (
	"fmt"
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
	var args []any
	for _, system := range []string{"kvorum", "etcd", "echo", "raft+node+wal", "hashicorp/raft+raft-wal"} {
		if xys, ok := lines[system]; ok {
			slices.SortFunc(xys, func(a, b plotter.XY) int { return int(a.X - b.X) })
			args = append(args, system, xys)
		}
	}
	if err := plotutil.AddLinePoints(p, args...); err != nil {
		return err
	}
	return p.Save(14*vg.Centimeter, 9*vg.Centimeter, file)
}
