package openclaw

import "time"

//go:wasmimport openclaw:exec/exec@0.1.0 run
func execRun(argv, count, hasDir uint32, dir string, env, envCount, hasStdin uint32, stdin string, timeoutMs, maxOutputBytes uint64,
	result uint32)

// A Command is run by [Run]. There is no shell.
type Command struct {
	Argv           []string      // program and arguments
	Dir            string        // relative to the workspace; the workspace itself if not said
	Stdin          []byte        // at most 1 MiB
	Timeout        time.Duration // one minute if not said
	MaxOutputBytes int           // kept of each output, first and last halves; 64 KiB if not said
}

// An End says how a program ended.
type End uint8

// The ways in which programs end.
const (
	EndCode   End = iota // it returned a code
	EndSignal            // a signal ended it
	EndTimedOut
	EndMemoryLimit
)

// An Exit is what a program did.
type Exit struct {
	End                          End
	Number                       int // the code, or the signal
	Stdout, Stderr               []byte
	StdoutDropped, StderrDropped uint64 // bytes cut from the middle
	Duration                     time.Duration
}

// Run runs a program to its end. One that fails is no error: see its End. Needs an [Exec] scope; waits for the owner where policy asks.
func Run(command Command) (Exit, error) {
	if command.Timeout == 0 {
		command.Timeout = time.Minute
	}
	if command.MaxOutputBytes == 0 {
		command.MaxOutputBytes = 64 << 10
	}
	argv, result := room(8), room(56)
	putTexts(argv, command.Argv)
	hasDir, hasStdin := flag(command.Dir != ""), flag(len(command.Stdin) > 0)
	execRun(get32(argv), get32(argv+4), uint32(hasDir), command.Dir, 0, 0, uint32(hasStdin), string(command.Stdin),
		uint64(command.Timeout.Milliseconds()), uint64(command.MaxOutputBytes), result)
	if get8(result) != 0 {
		return Exit{}, hostError(result + 8)
	}
	exit := result + 8
	return Exit{
		End:           End(get8(exit)),
		Number:        int(int32(get32(exit + 4))),
		Stdout:        []byte(getText(exit + 8)),
		Stderr:        []byte(getText(exit + 16)),
		StdoutDropped: get64(exit + 24),
		StderrDropped: get64(exit + 32),
		Duration:      time.Duration(get64(exit+40)) * time.Millisecond,
	}, nil
}
