package wal

import (
	"io"
	"slices"
)

// memContent is bytes, and then zeros up to size, which take no memory.
type memContent struct {
	bytes []byte
	size  int64
}

func (c memContent) clone() memContent { return memContent{slices.Clone(c.bytes), c.size} }

func (c *memContent) writeAt(p []byte, off int64) {
	end, have := off+int64(len(p)), int64(len(c.bytes))
	c.size = max(c.size, end)
	if off >= have && allZero(p) {
		return
	}
	if end > have {
		c.bytes = append(c.bytes, make([]byte, end-have)...)
	}
	copy(c.bytes[off:], p)
}

func (c *memContent) readAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(0, c.size-off)))
	clear(p[copy(p[:n], c.bytes[min(off, int64(len(c.bytes))):]):n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
