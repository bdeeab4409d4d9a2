package wal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"

	"kvorum/raft"
)

const (
	snapshotMagic = "kvorumSN"
	snapshotFixed = 16 // bytes before the metadata
	trailerSize   = 4

	// syncStep spreads the sync of a large file: one at its end would hold up
	// the log's own for as long as the whole file takes.
	syncStep = 8 << 20
)

func snapshotHeader(meta raft.SnapshotMeta) []byte {
	m := appendMeta(nil, meta)
	b := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), formatVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m)))
	return append(b, m...)
}

func writeSnapshot(f File, meta raft.SnapshotMeta, state io.WriterTo) (int64, error) {
	w := &snapshotWriter{file: f}
	buffered := bufio.NewWriterSize(w, 64<<10)
	buffered.Write(snapshotHeader(meta)) // its error comes again from Flush
	if _, err := state.WriteTo(buffered); err != nil {
		return 0, err
	}
	if err := buffered.Flush(); err != nil {
		return 0, err
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, w.crc)); err != nil {
		return 0, err
	}
	return w.offset, f.Sync()
}

// snapshotWriter writes to a file from the start, syncs every now and then,
// and keeps the checksum of what it wrote.
type snapshotWriter struct {
	file   File
	offset int64
	synced int64
	crc    uint32
}

func (w *snapshotWriter) Write(p []byte) (int, error) {
	n, err := w.file.WriteAt(p, w.offset)
	w.offset += int64(n)
	w.crc = crc32.Update(w.crc, castagnoli, p[:n])
	if err == nil && w.offset-w.synced >= syncStep {
		w.synced, err = w.offset, w.file.Sync()
	}
	return n, err
}

func sameMeta(a, b raft.SnapshotMeta) bool {
	return bytes.Equal(appendMeta(nil, a), appendMeta(nil, b))
}

// snapshotReader reads a snapshot file, and checks it at the end.
type snapshotReader struct {
	name   string
	file   File
	offset int64
	end    int64 // where the trailer begins
	crc    uint32
	news   progress
}

// newSnapshotReader reads from the start of the file.
func newSnapshotReader(fsys FS, name string, logger *slog.Logger) (*snapshotReader, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil && size < snapshotFixed+trailerSize {
		err = corrupt(name, size, "snapshot is cut short")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &snapshotReader{name: name, file: f, end: size - trailerSize, news: newProgress(logger)}, nil
}

// openSnapshot leaves the reader at the start of the state.
func openSnapshot(fsys FS, name string, logger *slog.Logger) (*snapshotReader, raft.SnapshotMeta, error) {
	r, err := newSnapshotReader(fsys, name, logger)
	if err != nil {
		return nil, raft.SnapshotMeta{}, err
	}
	meta, err := r.readHeader()
	if err != nil {
		return nil, meta, errors.Join(err, r.Close())
	}
	return r, meta, nil
}

func (r *snapshotReader) readHeader() (meta raft.SnapshotMeta, err error) {
	fixed := make([]byte, snapshotFixed)
	if _, err := io.ReadFull(r, fixed); err != nil {
		return meta, err
	}
	if string(fixed[:8]) != snapshotMagic {
		return meta, corrupt(r.name, 0, "not a snapshot")
	}
	if v := binary.LittleEndian.Uint32(fixed[8:]); v != formatVersion {
		return meta, unknownVersion(r.name, 8, v)
	}
	n := int64(binary.LittleEndian.Uint32(fixed[12:]))
	if n > r.end-r.offset {
		return meta, corrupt(r.name, 12, "metadata is longer than the file")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return meta, err
	}
	d := &decoder{b: b}
	meta = d.meta()
	if d.err != nil || len(d.b) > 0 {
		return meta, corrupt(r.name, snapshotFixed, "damaged metadata")
	}
	return meta, nil
}

func (r *snapshotReader) Read(p []byte) (int, error) {
	if r.offset == r.end {
		return 0, r.check()
	}
	n, err := r.file.ReadAt(p[:min(int64(len(p)), r.end-r.offset)], r.offset)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the file was longer when we opened it
	}
	r.offset += int64(n)
	r.news.tell("reading a snapshot", "file", r.name, "bytes", r.offset, "of", r.end)
	r.crc = crc32.Update(r.crc, castagnoli, p[:n])
	if n > 0 {
		return n, nil // a lasting error comes again
	}
	return 0, err
}

func (r *snapshotReader) check() error {
	var b [trailerSize]byte
	if n, err := r.file.ReadAt(b[:], r.end); n < trailerSize && err != io.EOF {
		return err
	}
	if binary.LittleEndian.Uint32(b[:]) != r.crc {
		return corrupt(r.name, r.end, "checksum of the snapshot is wrong")
	}
	return io.EOF
}

func (r *snapshotReader) Close() error { return r.file.Close() }

// checkSnapshot reads the whole file, and returns its metadata if it is good.
func checkSnapshot(fsys FS, name string, logger *slog.Logger) (meta raft.SnapshotMeta, err error) {
	whole, err := newSnapshotReader(fsys, name, logger)
	if err != nil {
		return meta, err
	}
	_, err = io.Copy(io.Discard, whole)
	if err := errors.Join(err, whole.Close()); err != nil {
		return meta, err
	}
	r, meta, err := openSnapshot(fsys, name, logger)
	if err != nil {
		return meta, err
	}
	return meta, r.Close()
}
