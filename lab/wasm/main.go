//go:build js

// Command wasm is the bridge between the lab's engine and a page: one function,
// kvorum, which takes and returns JSON. PROTOCOL.md says what.
package main

import (
	"runtime/debug"
	"syscall/js"

	"kvorum/lab"
)

// mutation is the rule that this program breaks: who builds it says so.
var mutation string

func main() {
	debug.SetGCPercent(400) // the heap is a few megabytes, and collecting a third of the time
	engine := &lab.Engine{Mutation: mutation}
	js.Global().Set("kvorum", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if len(args) != 1 || args[0].Type() != js.TypeString {
			return `{"error": "kvorum takes a string of JSON"}`
		}
		return engine.Call(args[0].String())
	}))
	if ready := js.Global().Get("kvorumReady"); ready.Type() == js.TypeFunction {
		ready.Invoke()
	}
	select {} // the page calls from now on
}
