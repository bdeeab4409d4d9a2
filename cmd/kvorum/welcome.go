package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// welcome prints what there is and what to do with it.
func (d *demo) welcome() {
	fmt.Fprintf(d.out, "\nA cluster of %d runs on this machine. Its data and logs are in %s.\n\n", d.size, d.dir)
	var addresses []string
	var leader int // its process
	for _, c := range d.children {
		addresses = append(addresses, c.rpcAddr)
		mark, process := "", c.cmd.Process.Pid
		if c.name == d.leader {
			mark, leader = ", leads", process
		}
		fmt.Fprintf(d.out, "    %s  gRPC %s  dashboard http://%s/  (process %d%s)\n", c.name, c.rpcAddr, c.httpAddr, process, mark)
	}
	kvctl := d.sibling("kvctl")
	fmt.Fprintf(d.out, "\nIn another terminal:\n\n    export KVORUM_SERVERS=%s\n", strings.Join(addresses, ","))
	for _, what := range []string{"set hello world", "get hello", "list", "status"} {
		fmt.Fprintf(d.out, "    %s %s\n", kvctl, what)
	}
	fmt.Fprintf(d.out, "\nThen kill the leader (kill -9 %d) and look again. Ctrl-C stops all.\n\n", leader)
}

// sibling returns how to call a program that lies beside this one.
func (d *demo) sibling(name string) string {
	path := filepath.Join(filepath.Dir(d.program), name)
	if _, err := os.Stat(path); err != nil {
		return name
	}
	return shorten(path)
}

// commandLine returns what a person types to start c again.
func (d *demo) commandLine(c *child) string {
	return strings.Join(append([]string{shorten(d.program)}, c.args()...), " ")
}

// shorten returns path as seen from the present folder, if that is shorter.
func shorten(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, path)
	if err != nil || len(relative) >= len(path) {
		return path
	}
	if !strings.ContainsRune(relative, filepath.Separator) {
		relative = "./" + relative
	}
	return relative
}
