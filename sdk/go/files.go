package openclaw

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"unicode/utf8"
)

// Where a component sees the workspace.
const workspace = "/workspace"

// ReadFile reads a file; the path is relative to the workspace. Needs a scope of the workspace.
//
// It is [os.ReadFile] on /workspace with the errors of tools: KindNotFound if there is none, KindDenied if the host refuses.
func ReadFile(path string) ([]byte, error) {
	content, err := os.ReadFile(workspace + "/" + path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return content, nil
}

// ReadText is ReadFile for text; KindInvalidArguments if it is not UTF-8.
func ReadText(path string) (string, error) {
	content, err := ReadFile(path)
	if err == nil && !utf8.Valid(content) {
		return "", InvalidArguments("`%s` is not text in UTF-8", path)
	}
	return string(content), err
}

// WriteFile creates or replaces a file; its directory is there already. Errors are those of [ReadFile]. The file may be written in
// part.
func WriteFile(path string, content []byte) error {
	if err := os.WriteFile(workspace+"/"+path, content, 0o666); err != nil {
		return fileError("write", path, err)
	}
	return nil
}

func fileError(what, path string, err error) *Error {
	// WASI's own "not permitted by this descriptor", which Go has no name for.
	const notCapable = syscall.Errno(76)
	if _, missing := os.Stat(workspace); missing != nil {
		return Denied("E_POLICY_DENY", "the workspace is not granted to this component")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return NotFound("there is no file `%s`", path)
	// Of a path that leads out of all granted folders Go says EBADF.
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EBADF),
		errors.Is(err, notCapable):
		return Denied("E_POLICY_DENY", "to "+what+" `"+path+"` is not permitted")
	default:
		return Failed("cannot %s `%s`: %v", what, path, err)
	}
}
