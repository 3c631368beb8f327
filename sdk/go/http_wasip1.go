package openclaw

import (
	"regexp"
	"slices"
	"strings"
)

//go:wasmimport wasi:http/types@0.2.0 [static]fields.from-list
func fieldsFromList(list, count, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [constructor]outgoing-request
func requestNew(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-method
func requestSetMethod(request, kind uint32, text string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-scheme
func requestSetScheme(request, isSome, kind uint32, text string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-authority
func requestSetAuthority(request, isSome uint32, text string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-path-with-query
func requestSetPath(request, isSome uint32, text string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.body
func requestBody(request, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-body.write
func bodyWrite(body, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [static]outgoing-body.finish
func bodyFinish(body, hasTrailers, trailers, result uint32)

//go:wasmimport wasi:http/outgoing-handler@0.2.0 handle
func handlerHandle(request, hasOptions, options, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]future-incoming-response.subscribe
func futureSubscribe(future uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]future-incoming-response.get
func futureGet(future, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]future-incoming-response
func futureDrop(future uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.status
func responseStatus(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.consume
func responseConsume(response, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-response
func responseDrop(response uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-body.stream
func bodyStream(body, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-body
func bodyDrop(body uint32)

//go:wasmimport wasi:http/types@0.2.0 http-error-code
func httpErrorCode(err, result uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]input-stream.blocking-read
func streamRead(stream uint32, length uint64, result uint32)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]input-stream
func inputDrop(stream uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.blocking-write-and-flush
func streamWrite(stream uint32, bytes string, result uint32)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]output-stream
func outputDrop(stream uint32)

//go:wasmimport wasi:io/poll@0.2.0 [method]pollable.block
func pollableBlock(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.0 [resource-drop]pollable
func pollableDrop(pollable uint32)

const (
	chunkBytes       = 64 << 10 // one frame between the component and the host
	writeBytes       = 4096     // what blocking-write-and-flush takes at most, by its contract
	defaultBodyBytes = 1 << 20
)

// A Request is sent by [Send].
type Request struct {
	Method       string // GET if not said
	URL          string // absolute; its fragment is not sent
	Headers      []Header
	Body         []byte
	MaxBodyBytes int // longest body that is read of the answer; 1 MiB if not said
}

// A Header is a name and a value; the host refuses some names, e.g. Host. A secret is its placeholder.
type Header struct{ Name, Value string }

// A Response is the answer to a request. Any status is an answer, not an error.
type Response struct {
	Status int // 100 to 599
	Body   []byte
	Cut    bool // whether there was more of the body, which was not read
}

// Send sends a request through the host. Needs an [HTTP] scope; waits for the owner where policy asks. It follows no redirects, so
// that each hop is a request of its own and decided as such.
//
// KindInvalidArguments if the URL or a header has no valid form, KindDenied if the host refuses, KindUnavailable if the server cannot
// be reached, KindLimit if it sends too much, and KindFailed otherwise, which says whether the request may have reached the server.
func Send(request Request) (Response, error) {
	if request.Method == "" {
		request.Method = "GET"
	}
	if request.MaxBodyBytes == 0 {
		request.MaxBodyBytes = defaultBodyBytes
	}
	made, err := makeRequest(request)
	if err != nil {
		return Response{}, err
	}
	result := room(56)
	requestBody(made, result)
	body := get32(result + 4)
	handlerHandle(made, 0, 0, result)
	if get8(result) != 0 {
		return Response{}, httpError(request, result+8)
	}
	future := get32(result + 8)
	if err := writeBody(request, body); err != nil {
		return Response{}, err
	}
	ready := futureSubscribe(future)
	pollableBlock(ready)
	pollableDrop(ready)
	// That there is an answer, that it is taken once, and the answer itself, each 8 bytes further on.
	futureGet(future, result)
	futureDrop(future)
	if get8(result+16) != 0 {
		return Response{}, httpError(request, result+24)
	}
	return readResponse(request, get32(result+24))
}

// Only cut apart here: the host parses and judges them.
var url = regexp.MustCompile(`^([^:/?#]+)://([^/?\\#]+)([^#]*)`)

func makeRequest(request Request) (uint32, error) {
	parts := url.FindStringSubmatch(request.URL)
	if parts == nil {
		return 0, InvalidArguments("`%s` is not an absolute URL", request.URL)
	}
	scheme, authority, path := strings.ToLower(parts[1]), parts[2], parts[3]
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	fields := room(16 * uint32(len(request.Headers)))
	for index, header := range request.Headers {
		putText(fields+16*uint32(index), header.Name)
		putText(fields+16*uint32(index)+8, header.Value)
	}
	result := room(8)
	fieldsFromList(fields, uint32(len(request.Headers)), result)
	if get8(result) != 0 {
		return 0, InvalidArguments("the headers of the request to `%s` are refused", request.URL)
	}
	made := requestNew(get32(result + 4))
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
	refused := requestSetMethod(made, caseOf(request.Method, methods), request.Method) |
		requestSetScheme(made, 1, caseOf(scheme, []string{"http", "https"}), scheme) |
		requestSetAuthority(made, 1, authority) |
		requestSetPath(made, 1, path)
	if refused != 0 {
		return 0, InvalidArguments("the request to `%s` is malformed", request.URL)
	}
	return made, nil
}

// caseOf is the case of a word in a list that ends with `other`.
func caseOf(word string, known []string) uint32 {
	if index := slices.Index(known, word); index >= 0 {
		return uint32(index)
	}
	return uint32(len(known))
}

func writeBody(request Request, body uint32) error {
	result := room(40)
	if len(request.Body) > 0 {
		bodyWrite(body, result)
		stream := get32(result + 4)
		for chunk := range slices.Chunk(request.Body, writeBytes) {
			streamWrite(stream, string(chunk), result)
			if get8(result) != 0 {
				// The server may answer before it has read everything; that answer counts.
				break
			}
		}
		outputDrop(stream)
	}
	bodyFinish(body, 0, 0, result)
	if get8(result) != 0 {
		return httpError(request, result+8)
	}
	return nil
}

func readResponse(request Request, answer uint32) (Response, error) {
	result := room(8)
	response := Response{Status: int(responseStatus(answer))}
	responseConsume(answer, result)
	body := get32(result + 4)
	bodyStream(body, result)
	stream := get32(result + 4)
	err := readBody(request, stream, &response)
	inputDrop(stream)
	bodyDrop(body)
	responseDrop(answer)
	return response, err
}

func readBody(request Request, stream uint32, response *Response) error {
	result := room(40)
	for len(response.Body) <= request.MaxBodyBytes {
		streamRead(stream, chunkBytes, result)
		if get8(result) == 0 {
			response.Body = append(response.Body, at(get32(result+4), get32(result+8))...)
			continue
		}
		const closed = 1
		if get8(result+4) == closed {
			return nil
		}
		httpErrorCode(get32(result+8), result)
		if get8(result) == 0 {
			put8(result+8, responseIncomplete)
		}
		return httpError(request, result+8)
	}
	response.Body, response.Cut = response.Body[:request.MaxBodyBytes], true
	return nil
}

// The error codes of wasi:http that are treated apart; see the list in the WIT.
const (
	ipProhibited        = 4
	terminated          = 7
	readTimeout         = 9
	limitReached        = 11
	requestDenied       = 15
	requestBodySize     = 17
	methodInvalid       = 18
	uriTooLong          = 20
	requestTrailerSize  = 24
	responseIncomplete  = 25
	responseTrailerSize = 30
	responseTimeout     = 33
	protocolError       = 35
	internalError       = 38
)

var refusal = regexp.MustCompile(`(?s)^(E_[A-Z_]+): (.*)$`)

// httpError is the tool's error for that of a request. wasi:http has no place for the host's codes, so a refusal's code travels in the
// text of internal-error, as `E_CODE: reason`.
func httpError(request Request, address uint32) *Error {
	code := get8(address)
	switch {
	case code == requestDenied:
		return Denied("E_POLICY_DENY", "the request to `"+request.URL+"` was refused")
	case code == ipProhibited:
		return Denied("E_NET_ADDR", "`"+request.URL+"` has an address that may not be reached")
	case code == internalError && get8(address+8) != 0:
		text := getText(address + 12)
		if parts := refusal.FindStringSubmatch(text); parts != nil {
			return Denied(parts[1], parts[2])
		}
		return Failed("the request to `%s` failed: %s", request.URL, text)
	case code >= methodInvalid && code <= uriTooLong:
		return InvalidArguments("the request to `%s` is malformed", request.URL)
	case code == limitReached, code >= requestBodySize && code <= requestTrailerSize,
		code > responseIncomplete && code <= responseTrailerSize:
		return Limit("the request to `%s` reached a limit (code %d of wasi:http)", request.URL, code)
	}
	isSafe := slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, request.Method)
	isLost := slices.Contains([]uint8{terminated, readTimeout, responseIncomplete, responseTimeout, protocolError}, code)
	if isLost && !isSafe {
		return FailedAfterSending("`%s` may have got the request, but gave no answer", request.URL)
	}
	return Unavailable("`%s` cannot be reached (code %d of wasi:http)", request.URL, code)
}
