package openclaw

import "unsafe"

// The host sees 32-bit memory, in which a pointer takes 4 bytes; Go's own pointers take 8. So what crosses the border is laid out by
// hand: numbers at offsets, as the canonical ABI of the component model has them.

// kept holds what the host got room for or reads, so that it is not collected. Each call has a fresh instance: nothing is given back.
var kept [][]uint64

// room gives memory of at least this many bytes, aligned to 8.
func room(bytes uint32) uint32 {
	block := make([]uint64, bytes/8+1)
	kept = append(kept, block)
	return uint32(uintptr(unsafe.Pointer(&block[0])))
}

// Two names instead of `cabi_realloc`: by that one WASI's adapter would ask for memory before Go is ready to run.
//
//go:wasmexport cabi_import_realloc
func importRealloc(old, oldSize, align, size uint32) uint32 { return realloc(old, oldSize, size) }

//go:wasmexport cabi_export_realloc
func exportRealloc(old, oldSize, align, size uint32) uint32 { return realloc(old, oldSize, size) }

func realloc(old, oldSize, size uint32) uint32 {
	block := room(size)
	copy(at(block, size), at(old, min(oldSize, size)))
	return block
}

// at is the memory at an address.
func at(address, length uint32) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(address))), length)
}

func get8(address uint32) uint8    { return at(address, 1)[0] }
func get32(address uint32) uint32  { return *(*uint32)(unsafe.Pointer(uintptr(address))) }
func get64(address uint32) uint64  { return *(*uint64)(unsafe.Pointer(uintptr(address))) }
func put8(address uint32, v uint8) { at(address, 1)[0] = v }

func put32(address, value uint32) {
	*(*uint32)(unsafe.Pointer(uintptr(address))) = value
}

// getText is the text whose address and length lie here.
func getText(address uint32) string {
	return string(at(get32(address), get32(address+4)))
}

// putText lays a text down elsewhere, and its address and length here.
func putText(address uint32, text string) {
	block := room(uint32(len(text)))
	copy(at(block, uint32(len(text))), text)
	put32(address, block)
	put32(address+4, uint32(len(text)))
}

// getList reads the list whose address and length lie here, of elements of this size.
func getList[T any](address, size uint32, read func(address uint32) T) []T {
	list := make([]T, get32(address+4))
	for index := range list {
		list[index] = read(get32(address) + size*uint32(index))
	}
	return list
}

// putTexts lays a list of texts down.
func putTexts(address uint32, texts []string) {
	block := room(8 * uint32(len(texts)))
	for index, text := range texts {
		putText(block+8*uint32(index), text)
	}
	put32(address, block)
	put32(address+4, uint32(len(texts)))
}

func flag(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}
