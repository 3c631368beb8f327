package openclaw

//go:wasmimport openclaw:llm/llm@0.1.0 complete
func llmComplete(model, system string, messages, count, maxTokens, result uint32)

//go:wasmimport openclaw:message/message@0.1.0 send
func messageSend(to, text string, result uint32)

// A Question is answered by [Ask].
type Question struct {
	Text      string
	System    string // what the model is told before
	Model     string // an alias; default if not said
	MaxTokens int    // 1,024 if not said
}

// An Answer is a model's.
type Answer struct {
	Text                      string
	InputTokens, OutputTokens uint64 // 0 if the provider did not count them
	Cut                       bool   // whether it ended at MaxTokens
}

// Ask asks the model and waits for its whole answer. At most 8 questions a call. Needs a [Model] scope.
func Ask(question Question) (Answer, error) {
	const user = 0
	if question.Model == "" {
		question.Model = "default"
	}
	if question.MaxTokens == 0 {
		question.MaxTokens = 1024
	}
	message, result := room(12), room(40)
	put8(message, user)
	putText(message+4, question.Text)
	llmComplete(question.Model, question.System, message, 1, uint32(question.MaxTokens), result)
	if get8(result) != 0 {
		return Answer{}, hostError(result + 8)
	}
	return Answer{getText(result + 8), get64(result + 16), get64(result + 24), get8(result+32) != 0}, nil
}

// SendMessage sends a text, at most 16 KiB, into the run's conversation, under the component's name. At most 8 a call. Needs a
// [Messages] scope.
func SendMessage(text string) error {
	result := room(24)
	messageSend("session", text, result)
	if get8(result) != 0 {
		return hostError(result + 4)
	}
	return nil
}
