// Package wal is the stable storage of one server: a write-ahead log of what
// Figure 2 calls persistent state, snapshot files (§7), and the identity of the
// server that all of it belongs to. It implements node.Storage.
//
// # The folder
//
//	lock                          held (flock) by the one process that uses the folder
//	identity                      who this server is; text, see below
//	log-<number>                  a segment of the log
//	snapshot-<index>-<term>       a snapshot, named after the last entry it covers
//	incoming-<index>-<term>       a snapshot on its way from the leader; removed at start
//	*.tmp                         a file not finished; removed at start
//
// Numbers in names are 16 hexadecimal digits. A file gets its final name by a
// rename after its content was synced, and the folder is synced after that: a
// file that has its name is whole. Integers of fixed width are little-endian;
// "uvarint" is that of encoding/binary; "bytes" and "string" are a uvarint
// length and as many bytes; CRC is CRC-32C (Castagnoli).
//
// # Log segments
//
// A segment starts with 48 bytes. Number, start and end of the segments form a
// chain: a lost segment, a lost end of a segment, or a segment of another
// server is noticed.
//
//	 0  8  magic "kvorumWL"
//	 8  4  format version, 1
//	12  4  length of the file as it was made; one that is shorter was cut
//	16  8  incarnation of the server
//	24  8  number of the segment, from 1, consecutive
//	32  8  offset at which the records of the previous segment end; 0 in the first
//	40  4  zero
//	44  4  CRC of the 44 bytes before it, in this place in every version
//
// Records follow, without padding, then zeros. The file has its length from the
// start, and its zeros are written ahead in steps of up to 1 MiB, so that most
// appends change no metadata and fdatasync has one write to do.
//
//	 0  4  length of the payload, at least 1
//	 4  4  CRC of the payload
//	 8  4  CRC of the incarnation, the number of the segment and the offset of
//	       the record (8 bytes each), and of the 8 bytes before it
//	12     payload
//
// Because the second CRC covers the record's place, bytes that were copied,
// misdirected or left over from elsewhere do not look like a record, but for one
// chance in 2^32.
//
// A record is what one fdatasync made durable, whole or not at all. Its payload
// is a sequence of items, each one byte for the kind, then:
//
//	1 hard state  currentTerm uvarint, votedFor string
//	2 command     index uvarint, term uvarint, command bytes
//	3 config      index uvarint, term uvarint, configuration
//	4 reset       index uvarint: the log is dropped, a snapshot that ends at
//	              index is in its place
//	5 head        currentTerm uvarint, votedFor string, index uvarint: the hard
//	              state and the log's last index as the segment begins
//	6 discard     index uvarint: the server has a snapshot, and has dropped the
//	              entries up to index from memory
//	7 end         the log goes on in the next segment
//
// A configuration is three lists of servers (Voters, Old, Learners), each a
// uvarint count and as many strings. Items 2 and 3 are entries; an entry
// replaces every entry with the same or a later index. The first record of a
// segment is a head, so the segments before it may be removed once all their
// entries are covered by a snapshot or replaced. The last is an end, in all but
// the newest segment: without that, nothing would tell that the newest is lost.
// First the new segment is made, whole and synced, then the old one gets its end,
// then the new one its next record; a start after a crash in between writes the end.
//
// # What is kept
//
// A segment is removed once the server has no use for its entries and the
// snapshot before the newest covers them, too: if the newest is damaged, that
// one and the log take its place. So the disk holds the log of up to two
// distances between snapshots, and what the server keeps before a snapshot.
//
// A start reads one segment at a time into memory. Of the entries it keeps no more
// than the server had in memory when it wrote what is being read, since at each
// discard it drops what the server dropped; only a start from the snapshot before
// the newest keeps all that follow that one.
//
// # Torn or damaged
//
// The next record is written only after the last one was synced. So if what
// follows the last good record is not a record, there are three cases:
//
//   - Only zeros follow: the normal end.
//   - Other bytes follow, but no valid record at any later offset: a crash cut
//     the last write, which nobody was promised. It is zeroed, and logged.
//   - A valid record follows, or a segment does that says it should have ended
//     elsewhere: what is bad was durable once. The server must not start, since
//     it may have forgotten a vote or an entry that was counted.
//
// The same goes for a file that is shorter than it was made, a missing segment,
// a missing or damaged identity, and one that names no cluster beside a log that
// was used in one. The error says which file, at what offset, and what to do.
//
// The last record may be in the page cache only, where a killed process or a failed
// sync has left it. So each start writes it again, and syncs, before it counts.
//
// What cannot be noticed, here as in any log: damage to the very last record,
// which looks like a torn write; damage to all records from some point to the
// end, which look as if they were never written; and the newest segment, or the
// whole folder, put back from an earlier time. So a folder must never be restored
// from a copy: the server may have voted since. TestDamageIsNoticedOrHarmless counts what damage
// of every kind comes to. We rely on the disk not to damage a synced sector while
// it writes the next bytes of the same sector.
//
// # Snapshot files
//
//	 0  8  magic "kvorumSN"
//	 8  4  format version, 1
//	12  4  length of the metadata
//	16     metadata: index uvarint, term uvarint, configuration
//	       the state, as the state machine wrote it
//	       CRC (4 bytes) of everything before it, at the end in every version
//
// The two newest snapshots are kept. At start the newest good one is used if
// the log goes on from it, else the server must not start; a damaged newer one is
// removed, and logged. If the log does not contain its last entry, it takes
// the place of the whole log (Figure 13), which makes a crash between the
// publication of a received snapshot and the reset of the log harmless.
//
// # Identity
//
// A line each, a word and its value, the last one a CRC of the lines before it:
//
//	kvorum-identity 1
//	name n1
//	incarnation 5f3c9a0e11d2b4c7
//	cluster 0f4e1d2c3b4a59687786a5b4c3d2e1f0
//	voters n1@5f3c9a0e11d2b4c7
//	crc32c 1d2e3f40
//
// voters is the configuration that the cluster was bootstrapped with, which
// is the state at index 0. It stands here so that forming a cluster is one rename.
package wal
