package openclaw

import "errors"

// The two exports of openclaw:tool/guest, by the layouts of its records.

const (
	toolBytes     = 28
	scopeBytes    = 28
	manifestBytes = 40
	resultBytes   = 24
)

var exported Component

// Export says what this component is. Call it once, in an init function: the host asks before main would run.
func Export(component Component) { exported = component }

//go:wasmexport openclaw:tool/guest@0.1.0#describe
func describe() uint32 {
	manifest := room(manifestBytes)
	putText(manifest, exported.Name)
	putText(manifest+8, exported.Version)
	putText(manifest+16, exported.Summary)
	tools := room(toolBytes * uint32(len(exported.Tools)))
	put32(manifest+24, tools)
	put32(manifest+28, uint32(len(exported.Tools)))
	for index, tool := range exported.Tools {
		entry := tools + toolBytes*uint32(index)
		putText(entry, tool.name)
		putText(entry+8, tool.description)
		putText(entry+16, string(tool.schema))
		put8(entry+24, flag(tool.untrustedOutput))
	}
	scopes := room(scopeBytes * uint32(len(exported.Scopes)))
	put32(manifest+32, scopes)
	put32(manifest+36, uint32(len(exported.Scopes)))
	for index, scope := range exported.Scopes {
		putScope(scopes+scopeBytes*uint32(index), scope)
	}
	return manifest
}

func putScope(address uint32, scope Scope) {
	const http, exec, sessions = 1, 2, 10
	put8(address, scope.kind)
	switch scope.kind {
	case exec:
		putTexts(address+4, scope.argv)
	case sessions:
		put8(address+4, scope.flag)
	case http:
		putText(address+4, scope.name)
		putTexts(address+12, scope.methods)
		putTexts(address+20, scope.paths)
	default:
		putText(address+4, scope.name)
		put8(address+12, scope.flag)
	}
}

//go:wasmexport openclaw:tool/guest@0.1.0#invoke
func invoke(id, idLength, tool, toolLength, arguments, length uint32) uint32 {
	result := room(resultBytes)
	text, err := exported.Call(string(at(tool, toolLength)), string(at(arguments, length)))
	if err == nil {
		putText(result+4, text)
		return result
	}
	failure := &Error{Kind: KindFailed, Message: err.Error()}
	errors.As(err, &failure)
	put8(result, 1)
	put8(result+4, uint8(failure.Kind))
	switch failure.Kind {
	case KindCancelled:
	case KindDenied:
		putText(result+8, failure.Code)
		putText(result+16, failure.Message)
	case KindFailed:
		putText(result+8, failure.Message)
		put8(result+16, flag(failure.Sent))
	default:
		putText(result+8, failure.Message)
	}
	return result
}
