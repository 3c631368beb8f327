package openclaw

import "time"

// The host's smaller interfaces. Each function that fails gives an [*Error] to hand on.

//go:wasmimport openclaw:session/run@0.1.0 progress
func runProgress(hasPercent, percent uint32, note string)

//go:wasmimport openclaw:session/run@0.1.0 is-cancelled
func runIsCancelled() uint32

//go:wasmimport openclaw:session/run@0.1.0 get-info
func runGetInfo(result uint32)

//go:wasmimport openclaw:session/run@0.1.0 get-budget
func runGetBudget(result uint32)

//go:wasmimport wasi:logging/logging@0.1.0-draft log
func loggingLog(level uint32, context, message string)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get
func configGet(key string, result uint32)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get-all
func configGetAll(result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft open
func storeOpen(name string, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.get
func bucketGet(bucket uint32, key string, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.set
func bucketSet(bucket uint32, key, value string, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.delete
func bucketDelete(bucket uint32, key string, result uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.list-keys
func bucketListKeys(bucket, hasCursor uint32, cursor uint64, result uint32)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft increment
func atomicsIncrement(bucket uint32, key string, delta uint64, result uint32)

//go:wasmimport openclaw:secrets/secrets@0.1.0 get
func secretsGet(name string, result uint32)

//go:wasmimport openclaw:secrets/secrets@0.1.0 [method]secret.placeholder
func secretPlaceholder(secret, result uint32)

// Progress tells people how far the call is, in at most 512 bytes and at most 64 times a call; more is dropped. The percentage is
// negative if it is not known. Needs no scope.
func Progress(percent int, note string) {
	if percent < 0 {
		runProgress(0, 0, note)
	} else {
		runProgress(1, uint32(min(percent, 100)), note)
	}
}

// IsCancelled says whether the owner has stopped the run. A long computation asks from time to time. Needs no scope.
func IsCancelled() bool { return runIsCancelled() != 0 }

// A RunInfo tells about the run that the call serves.
type RunInfo struct {
	RunID, SessionKey, AgentID string
	Origin                     string // who started it
}

// Info tells about the run that the call serves. Needs no scope.
func Info() RunInfo {
	result := room(32)
	runGetInfo(result)
	return RunInfo{getText(result), getText(result + 8), getText(result + 16), getText(result + 24)}
}

// A RunBudget is what is left to the call.
type RunBudget struct {
	CPU         time.Duration
	MemoryBytes uint64
	Effects     int // what the host will still do for it
}

// Budget is what is left to the call. Needs no scope.
func Budget() RunBudget {
	result := room(24)
	runGetBudget(result)
	cpu := time.Duration(get64(result)) * time.Millisecond
	return RunBudget{CPU: cpu, MemoryBytes: get64(result + 8), Effects: int(get32(result + 16))}
}

// A Level says how much a line of the log matters.
type Level uint8

// The levels of wasi:logging.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelCritical
)

// Log writes a line into the host's log; the context says what part of the component speaks. At most 256 a call; more are dropped.
// Needs no scope.
func Log(level Level, context, message string) { loggingLog(uint32(level), context, message) }

// Setting is what the owner wrote down for this component, and whether there is such a setting. Needs no scope.
func Setting(key string) (value string, found bool, err error) {
	result := room(16)
	configGet(key, result)
	if get8(result) != 0 {
		return "", false, Failed("%s", getText(result+8))
	}
	if get8(result+4) == 0 {
		return "", false, nil
	}
	return getText(result + 8), true, nil
}

// Settings is all that the owner wrote down for this component. Needs no scope.
func Settings() (map[string]string, error) {
	result := room(16)
	configGetAll(result)
	if get8(result) != 0 {
		return nil, Failed("%s", getText(result+8))
	}
	settings := map[string]string{}
	for _, pair := range getList(result+4, 16, func(at uint32) [2]string { return [2]string{getText(at), getText(at + 8)} }) {
		settings[pair[0]] = pair[1]
	}
	return settings, nil
}

// A Bucket is an open key-value store of the component's own.
type Bucket struct{ handle uint32 }

// OpenStore opens a store. KindDenied if it is not granted.
func OpenStore(name string) (Bucket, error) {
	result := room(16)
	storeOpen(name, result)
	if get8(result) != 0 {
		return Bucket{}, storeError(result + 4)
	}
	return Bucket{get32(result + 4)}, nil
}

// Get is the value of a key, and whether there is one.
func (bucket Bucket) Get(key string) (value []byte, found bool, err error) {
	result := room(16)
	bucketGet(bucket.handle, key, result)
	if get8(result) != 0 {
		return nil, false, storeError(result + 4)
	}
	if get8(result+4) == 0 {
		return nil, false, nil
	}
	return []byte(getText(result + 8)), true, nil
}

// Set sets a key. When it returns, the value is on disk.
func (bucket Bucket) Set(key string, value []byte) error {
	result := room(16)
	bucketSet(bucket.handle, key, string(value), result)
	if get8(result) != 0 {
		return storeError(result + 4)
	}
	return nil
}

// Delete removes a key; removing an absent one is no error.
func (bucket Bucket) Delete(key string) error {
	result := room(16)
	bucketDelete(bucket.handle, key, result)
	if get8(result) != 0 {
		return storeError(result + 4)
	}
	return nil
}

// Keys are all keys.
func (bucket Bucket) Keys() ([]string, error) {
	var keys []string
	result := room(32)
	for hasMore, cursor := uint32(0), uint64(0); ; {
		bucketListKeys(bucket.handle, hasMore, cursor, result)
		if get8(result) != 0 {
			return nil, storeError(result + 8)
		}
		keys = append(keys, getList(result+8, 8, getText)...)
		hasMore, cursor = uint32(get8(result+16)), get64(result+24)
		if hasMore == 0 {
			return keys, nil
		}
	}
}

// Increment adds to the number under a key, which starts as 0, and gives the sum. No other call can get between.
func (bucket Bucket) Increment(key string, delta uint64) (uint64, error) {
	result := room(24)
	atomicsIncrement(bucket.handle, key, delta, result)
	if get8(result) != 0 {
		return 0, storeError(result + 8)
	}
	return get64(result + 8), nil
}

func storeError(address uint32) *Error {
	const noSuchStore, accessDenied = 0, 1
	switch get8(address) {
	case noSuchStore:
		return NotFound("there is no such store")
	case accessDenied:
		// wasi:keyvalue has no place for the host's codes; a refusal gets the general one.
		return Denied("E_POLICY_DENY", "the store is not granted to this component")
	default:
		return Failed("%s", getText(address+4))
	}
}

// Placeholder is a text that stands for a secret in the value of a header or in a path: the host puts the secret in its place on
// the way to the servers that the owner named for it. Needs a scope of the secret; KindDenied otherwise.
func Placeholder(name string) (string, error) {
	result := room(24)
	secretsGet(name, result)
	if get8(result) != 0 {
		return "", hostError(result + 4)
	}
	text := room(8)
	secretPlaceholder(get32(result+4), text)
	return getText(text), nil
}

// hostError is the tool's error for one of openclaw:types: the same kind, and for refusals the same code.
func hostError(address uint32) *Error {
	const denied, other = 0, 6
	kinds := [...]Kind{
		KindDenied, KindLimit, KindInvalidArguments, KindUnavailable, KindCancelled, KindNotFound, KindFailed,
	}
	kind := kinds[min(get8(address), other)]
	switch kind {
	case KindDenied:
		return Denied(getText(address+4), getText(address+12))
	case KindCancelled:
		return Cancelled()
	default:
		return &Error{Kind: kind, Message: getText(address + 4)}
	}
}
