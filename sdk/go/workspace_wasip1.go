package openclaw

// What the files of Go's library lack: parts of files, several changes at once, searches. Paths are relative to the workspace. Each
// function needs a scope of the workspace and gives KindNotFound, KindDenied, KindLimit or KindInvalidArguments.

//go:wasmimport openclaw:workspace/files@0.1.0 read-range
func filesReadRange(path string, offset, maxBytes uint64, result uint32)

//go:wasmimport openclaw:workspace/files@0.1.0 commit
func filesCommit(changes, count, result uint32)

//go:wasmimport openclaw:workspace/files@0.1.0 list-directory
func filesListDirectory(path string, limit, result uint32)

//go:wasmimport openclaw:workspace/files@0.1.0 glob
func filesGlob(pattern string, limit, result uint32)

//go:wasmimport openclaw:workspace/files@0.1.0 grep
func filesGrep(pattern string, hasGlob uint32, glob string, limit, result uint32)

// ReadRange reads at most maxBytes (4 MiB at most) from the offset, and tells the whole file's size.
func ReadRange(path string, offset, maxBytes uint64) (content []byte, size uint64, err error) {
	result := room(32)
	filesReadRange(path, offset, maxBytes, result)
	if get8(result) != 0 {
		return nil, 0, hostError(result + 8)
	}
	return []byte(getText(result + 8)), get64(result + 16), nil
}

// A Change is a part of what [Commit] does.
type Change struct {
	remove  bool
	path    string
	content []byte
}

// Put creates or replaces a file; missing directories are made.
func Put(path string, content []byte) Change { return Change{path: path, content: content} }

// Remove removes a file.
func Remove(path string) Change { return Change{remove: true, path: path} }

// Commit makes all of these changes or none. At most 256 changes, 16 MiB together.
func Commit(changes ...Change) error {
	const changeBytes = 20
	list := room(changeBytes * uint32(len(changes)))
	for index, change := range changes {
		at := list + changeBytes*uint32(index)
		put8(at, flag(change.remove))
		putText(at+4, change.path)
		putText(at+12, string(change.content))
	}
	result := room(24)
	filesCommit(list, uint32(len(changes)), result)
	if get8(result) != 0 {
		return hostError(result + 4)
	}
	return nil
}

// An EntryKind says what an entry of a directory is.
type EntryKind uint8

// The kinds of entries.
const (
	EntryFile EntryKind = iota
	EntryDirectory
	EntryLink
	EntrySpecial
)

// An Entry is one of a directory.
type Entry struct {
	Path string
	Kind EntryKind
	Size uint64 // bytes, for regular files; else 0
}

// ListDirectory lists one directory, sorted by path; the empty path is the workspace. More says that there are more than the limit.
func ListDirectory(path string, limit uint32) (entries []Entry, more bool, err error) {
	result := room(24)
	filesListDirectory(path, limit, result)
	return listing(result)
}

// Glob finds files and directories by a pattern with *, ?, […], {a,b} and **, as [ListDirectory].
func Glob(pattern string, limit uint32) (entries []Entry, more bool, err error) {
	result := room(24)
	filesGlob(pattern, limit, result)
	return listing(result)
}

func listing(result uint32) ([]Entry, bool, error) {
	if get8(result) != 0 {
		return nil, false, hostError(result + 4)
	}
	entry := func(at uint32) Entry { return Entry{getText(at), EntryKind(get8(at + 8)), get64(at + 16)} }
	return getList(result+4, 24, entry), get8(result+12) != 0, nil
}

// A Hit is a line that matches.
type Hit struct {
	Path string
	Line int    // from 1
	Text string // cut at 512 bytes
}

// Grep finds lines by regular expression, in files whose path matches the glob; in all if it is empty. More says that there are more
// than the limit.
func Grep(pattern, glob string, limit uint32) (hits []Hit, more bool, err error) {
	result := room(24)
	filesGrep(pattern, uint32(flag(glob != "")), glob, limit, result)
	if get8(result) != 0 {
		return nil, false, hostError(result + 4)
	}
	hit := func(at uint32) Hit { return Hit{getText(at), int(get32(at + 8)), getText(at + 12)} }
	return getList(result+4, 20, hit), get8(result+12) != 0, nil
}
