package openclaw

import "fmt"

// A Kind says what a caller can do about an error. The numbers are those of tool-error in the WIT.
type Kind uint8

// The kinds of errors.
const (
	KindInvalidArguments Kind = iota
	KindDenied
	KindNotFound
	KindLimit
	KindCancelled
	KindUnavailable
	KindFailed
)

// An Error says why a call gives no result. Functions of this package that can fail return one.
type Error struct {
	Kind    Kind
	Message string // one sentence: what failed, on what, what to do next
	Code    string // of KindDenied: stable, e.g. E_POLICY_DENY
	Sent    bool   // of KindFailed: something may have taken effect, so that trying again could do it twice
}

func (err *Error) Error() string {
	if err.Code != "" {
		return err.Code + ": " + err.Message
	}
	return err.Message
}

// InvalidArguments says that the arguments make no sense: which, why, and what would.
func InvalidArguments(format string, values ...any) *Error {
	return &Error{Kind: KindInvalidArguments, Message: fmt.Sprintf(format, values...)}
}

// Denied says that the host refused something the tool needs.
func Denied(code, reason string) *Error {
	return &Error{Kind: KindDenied, Code: code, Message: reason}
}

// NotFound says that the thing named by the arguments does not exist.
func NotFound(format string, values ...any) *Error {
	return &Error{Kind: KindNotFound, Message: fmt.Sprintf(format, values...)}
}

// Limit says that a limit was reached, and which.
func Limit(format string, values ...any) *Error {
	return &Error{Kind: KindLimit, Message: fmt.Sprintf(format, values...)}
}

// Cancelled says that the owner or the end of the run stopped the call.
func Cancelled() *Error {
	return &Error{Kind: KindCancelled, Message: "the call was stopped"}
}

// Unavailable says that something outside could not be reached; trying later may help.
func Unavailable(format string, values ...any) *Error {
	return &Error{Kind: KindUnavailable, Message: fmt.Sprintf(format, values...)}
}

// Failed says anything else.
func Failed(format string, values ...any) *Error {
	return &Error{Kind: KindFailed, Message: fmt.Sprintf(format, values...)}
}

// FailedAfterSending is Failed after something may have taken effect.
func FailedAfterSending(format string, values ...any) *Error {
	return &Error{Kind: KindFailed, Message: fmt.Sprintf(format, values...), Sent: true}
}
