// Writes tools for openclaw-host in C: tables that say what a component offers, and functions that do it.
//
//     static oc_result hello(const oc_args *args) {
//         return oc_done(oc_format("Hello, %s!", oc_string(args, "name").bytes));
//     }
//
//     static const oc_param HELLO[] = {
//         {.name = "name", .type = OC_STRING, .description = "Whom to greet."},
//         {0},
//     };
//     static const oc_tool TOOLS[] = {
//         {.name = "hello", .description = "Greets.", .params = HELLO, .run = hello},
//         {0},
//     };
//     const oc_component oc_the_component = {
//         .name = "hello", .version = "0.1.0", .summary = "Greets people.", .tools = TOOLS,
//     };
//
// Build it with `build.sh hello.c -o hello.wasm`. What a component does not call it does not import, and what it does not import
// cannot be granted to it.
//
// Each call runs in a fresh instance, whose memory ends with it: nothing here is ever freed. Running out of memory and a broken
// promise end the instance, which the host reports as a crash. Files are those of libc, below `/workspace`.

#ifndef OPENCLAW_H
#define OPENCLAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// === Text and results ===

// Bytes, in most places UTF-8. `bytes[length]` is NUL; there may be others before it. `bytes` is NULL for "none".
typedef struct {
    const char *bytes;
    size_t length;
} oc_text;

// How a call, or a call of the host, ended. The numbers are those of `tool-error` in the WIT.
typedef enum {
    OC_INVALID_ARGUMENTS, // The arguments make no sense: say which, why, and what would.
    OC_DENIED,            // The host refused something.
    OC_NOT_FOUND,         // The thing named by the arguments does not exist.
    OC_LIMIT,             // A limit was reached; the text names it.
    OC_CANCELLED,         // The owner or the end of the run stopped the call.
    OC_UNAVAILABLE,       // Something outside could not be reached; trying later may help.
    OC_FAILED,            // Anything else.
    OC_DONE,              // No error.
} oc_kind;

typedef struct {
    oc_kind kind;
    oc_text text; // What was done, for the model, at most 1 MiB; or why not, in one sentence.
    oc_text code; // Of `OC_DENIED`: stable, e.g. `E_POLICY_DENY`.
    bool sent;    // Of `OC_FAILED`: something may have taken effect, so that trying again could do it twice.
} oc_result;

// A text of a C string, which must outlive it.
oc_text oc_text_of(const char *string);
// As `printf`.
oc_text oc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
oc_result oc_done(oc_text text);
// An error of any kind but `OC_DENIED`; the message as with `printf`.
oc_result oc_error(oc_kind kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
oc_result oc_denied(const char *code, const char *reason);
// `OC_FAILED`, after something may have taken effect.
oc_result oc_failed_after_sending(const char *message);

// Returns from the calling function what this gives, unless it is done.
#define OC_TRY(call)                        \
    do {                                    \
        oc_result oc_try_result = (call);   \
        if (oc_try_result.kind != OC_DONE) { \
            return oc_try_result;           \
        }                                   \
    } while (0)

// A text that grows. `{0}` is an empty one.
typedef struct {
    char *bytes;
    size_t length, room;
} oc_buffer;

void oc_put(oc_buffer *buffer, const char *bytes, size_t length);
// As `printf`.
void oc_putf(oc_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A JSON string, in quotes; `null` for none. What is no UTF-8 becomes U+FFFD.
void oc_put_json(oc_buffer *buffer, oc_text text);
oc_text oc_finish(oc_buffer *buffer);

// === What a component is ===

typedef enum {
    OC_STRING,
    OC_INTEGER, // 64 bits; JSON carries it exactly up to 2^53 - 1
    OC_NUMBER,
    OC_BOOLEAN,
    OC_STRINGS, // a list of strings
    OC_CHOICE,  // one of `choices`
} oc_type;

// One argument. A list of them ends with `{0}`. The schema that the model sees is made of it.
typedef struct {
    const char *name;
    oc_type type;
    const char *description;
    bool optional;              // may be missing or `null`
    const char *const *choices; // of `OC_CHOICE`; ends with NULL
} oc_param;

// The arguments of a call. Those that are not optional are there.
typedef struct oc_args oc_args;

bool oc_has(const oc_args *args, const char *name);
oc_text oc_string(const oc_args *args, const char *name); // of a choice too; none if it is missing
int64_t oc_integer(const oc_args *args, const char *name); // 0 if it is missing
double oc_number(const oc_args *args, const char *name);   // 0 if it is missing
bool oc_boolean(const oc_args *args, const char *name);    // false if it is missing
const oc_text *oc_strings(const oc_args *args, const char *name, size_t *count);

// One tool as the model sees it. A list of them ends with `{0}`.
typedef struct {
    const char *name;        // 1 to 64 of `a-z A-Z 0-9 - _`, unique over all components that the owner installs
    const char *description; // one paragraph for the model, at most 4,096 bytes: what it does and when to use it
    const oc_param *params;  // NULL for none
    bool untrusted_output;   // results carry text from outside the owner, e.g. a web page
    oc_result (*run)(const oc_args *args);
} oc_tool;

typedef enum { OC_READ, OC_READ_WRITE } oc_access;

// A scope that the component asks for; what it gets is the owner's decision. Made by the macros below. A list of them ends with
// `{0}`.
typedef struct {
    uint8_t kind; // one more than the case of `scope` in the WIT
    const char *name;
    const char *const *words, *const *paths;
    uint8_t flag;
} oc_scope;

// Lists of words end with NULL.
#define OC_LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
// Any folder by its name: `workspace`, `scratch`, or one that the owner has named; seen as `/NAME`.
#define OC_SCOPE_FOLDER(name_, access_) {.kind = 1, .name = (name_), .flag = (access_)}
#define OC_SCOPE_WORKSPACE(access_) OC_SCOPE_FOLDER("workspace", access_)
// Servers (`scheme://host[:port]`, or `*` for any) and a list of methods in upper case; a list of path prefixes, or NULL.
#define OC_SCOPE_HTTP(pattern_, methods_, paths_) {.kind = 2, .name = (pattern_), .words = (methods_), .paths = (paths_)}
// A secret of the owner's vault, to be sent in headers or paths and never seen.
#define OC_SCOPE_SECRET(name_) {.kind = 5, .name = (name_)}
// A key-value store of the component's own.
#define OC_SCOPE_STORE(name_) {.kind = 6, .name = (name_)}
// Programs: a list with one pattern per argument, `*` for exactly one of any value, a final `**` for any number.
#define OC_SCOPE_EXEC(argv_) {.kind = 3, .words = (argv_)}
// A model, by alias; `default` is the model of the run.
#define OC_SCOPE_MODEL(alias_) {.kind = 7, .name = (alias_)}
// Messages into the run's own conversation.
#define OC_SCOPE_MESSAGES() {.kind = 8, .name = "session"}
// Other conversations: `OC_READ` to look at them, `OC_READ_WRITE` to talk to them and start sub-agents as well.
#define OC_SCOPE_SESSIONS(access_) {.kind = 11, .flag = (access_)}

typedef struct {
    const char *name;    // 1 to 64 of `a-z 0-9 - _`
    const char *version; // semantic
    const char *summary; // one sentence for people
    const oc_tool *tools;
    const oc_scope *scopes; // NULL for none
} oc_component;

// Each component defines this one.
extern const oc_component oc_the_component;

// === The host's services ===
// Each gives `OC_DONE`, or the error to hand on.

// Whole files of the workspace, by their path relative to it. Needs an `fs` scope.
oc_result oc_read_file(const char *path, oc_text *content);
oc_result oc_write_file(const char *path, oc_text content);

typedef struct {
    const char *name;
    oc_text value;
} oc_header;

typedef struct {
    const char *method, *url;
    const oc_header *headers; // ends with `{0}`; NULL for none
    oc_text body;
    size_t max_body_bytes; // of the answer; 0 for 1 MiB
} oc_request;

typedef struct {
    int status; // 100 to 599; any is an answer, not an error
    oc_text body;
    bool cut; // whether there was more of the body, which was not read
} oc_response;

// Sends a request through the host. Needs an `http` scope; waits for the owner where policy asks. Follows no redirects.
oc_result oc_http(const oc_request *request, oc_response *response);

// A text that stands for a secret in the value of a header or in a path: the host puts the secret in its place on the
// way to the servers that the owner named for it. Needs a `secret` scope.
oc_result oc_secret(const char *name, oc_text *placeholder);

// A value of a key-value store; none if there is none. Needs a `kv` scope.
oc_result oc_store_get(const char *store, const char *key, oc_text *value);
// When this returns, the value is on disk.
oc_result oc_store_set(const char *store, const char *key, oc_text value);
// Removes a key; removing an absent one is no error.
oc_result oc_store_delete(const char *store, const char *key);
// All keys.
oc_result oc_store_keys(const char *store, const oc_text **keys, size_t *count);
// Adds to the number under a key, which starts as 0, and gives the sum. No other call can get between.
oc_result oc_store_increment(const char *store, const char *key, uint64_t delta, uint64_t *sum);

// What the owner wrote down for this component; none if there is nothing of this name. Needs no scope.
oc_result oc_setting(const char *key, oc_text *value);

typedef struct {
    oc_text key, value;
} oc_pair;

// All of it.
oc_result oc_settings(const oc_pair **settings, size_t *count);

typedef enum { OC_TRACE, OC_DEBUG, OC_INFO, OC_WARN, OC_ERROR, OC_CRITICAL } oc_level;

// A line for the host's log; `context` says what part of the component speaks. At most 256 a call. Needs no scope.
void oc_log(oc_level level, const char *context, oc_text message);
// Tells people how far the call is, at most 64 times a call. `percent` is negative if it is not known. Needs no scope.
void oc_progress(int percent, oc_text note);
// Whether the owner has stopped the run. A long computation asks from time to time. Needs no scope.
bool oc_is_cancelled(void);

// Facts about the run. Needs no scope.
typedef struct {
    oc_text run_id, session_key, agent_id;
    oc_text origin; // who started it
} oc_info;
oc_info oc_get_info(void);

// What is left to the call. Needs no scope.
typedef struct {
    uint64_t cpu_ms, memory_bytes;
    uint32_t effects; // what the host will still do for it
} oc_budget;
oc_budget oc_get_budget(void);

// === Files that libc cannot do ===
// Parts of files, several changes at once, searches. Paths are relative to the workspace. Each needs an `fs` scope.

typedef struct {
    oc_text bytes;
    uint64_t size; // of the whole file
} oc_slice;

// At most `max_bytes` (4 MiB at most) from `offset`.
oc_result oc_read_range(const char *path, uint64_t offset, uint64_t max_bytes, oc_slice *slice);

// A file that is to have this content, or, if that is none, to be gone.
typedef struct {
    const char *path;
    oc_text content;
} oc_change;

// Makes all of these changes or none; missing directories are made. At most 256 changes, 16 MiB together.
oc_result oc_commit(const oc_change *changes, size_t count);

typedef enum { OC_FILE, OC_DIRECTORY, OC_LINK, OC_SPECIAL } oc_entry_kind;

typedef struct {
    oc_text path;
    uint8_t kind;  // an `oc_entry_kind`
    uint64_t size; // bytes, for regular files; else 0
} oc_entry;

typedef struct {
    const oc_entry *entries; // sorted by path
    size_t count;
    bool more; // whether there are more than `limit`
} oc_listing;

// One directory; the empty path is the workspace.
oc_result oc_list_directory(const char *path, uint32_t limit, oc_listing *listing);
// Files and directories by pattern (`*`, `?`, `[…]`, `{a,b}`, `**`).
oc_result oc_glob(const char *pattern, uint32_t limit, oc_listing *listing);

typedef struct {
    oc_text path;
    uint32_t line; // from 1
    oc_text text;  // cut at 512 bytes
} oc_hit;

typedef struct {
    const oc_hit *hits;
    size_t count;
    bool more;
} oc_hits;

// Lines by regular expression, in files whose path matches `glob`; NULL for all.
oc_result oc_grep(const char *pattern, const char *glob, uint32_t limit, oc_hits *hits);

// === Programs, the model, people and conversations ===

typedef struct {
    const char *const *argv;   // program and arguments; ends with NULL, as `OC_LIST` makes it
    const char *cwd;           // relative to the workspace; NULL for the workspace
    oc_text input;             // what it reads from standard input; at most 1 MiB
    uint64_t timeout_ms;       // 0 for one minute
    uint64_t max_output_bytes; // kept of each output, first and last halves; 0 for 64 KiB
} oc_command;

typedef enum { OC_CODE, OC_SIGNAL, OC_TIMED_OUT, OC_MEMORY_LIMIT } oc_end;

typedef struct {
    uint8_t end; // an `oc_end`
    int number;  // of `OC_CODE` and `OC_SIGNAL`: which
    oc_text output, errors;
    uint64_t output_dropped, errors_dropped; // bytes cut from the middle
    uint64_t duration_ms;
} oc_exit;

// Runs a program to its end, without a shell. One that fails is no error: see `end`. Needs an `exec` scope; waits for the owner where
// policy asks.
oc_result oc_run(const oc_command *command, oc_exit *exit);

typedef struct {
    const char *text;
    const char *system;  // what the model is told before; NULL for nothing
    const char *model;   // an alias; NULL for `default`
    uint32_t max_tokens; // 0 for 1,024
} oc_question;

typedef struct {
    oc_text text;
    uint64_t input_tokens, output_tokens; // 0 if the provider did not count them
    bool cut;                             // whether the answer ended at `max_tokens`
} oc_answer;

// Asks the model and waits for its whole answer. At most 8 questions a call. Needs an `llm` scope.
oc_result oc_ask(const oc_question *question, oc_answer *answer);

// Sends a text, at most 16 KiB, into the run's conversation, under the component's name. At most 8 a call. Needs a `message` scope.
oc_result oc_send(oc_text text);

// Conversations. Each needs a `sessions` scope; a sub-agent reaches only itself and those that it has started.
typedef struct {
    oc_text key, title;  // the title may be empty
    uint64_t updated_ms; // since 1970
    oc_text state;       // of its latest task: `queued`, `running`, `done`, `failed`, `cancelled`, `lost`; empty without one
} oc_session;

// Those that the run's own one has started, and all of them, the latest first; at most `limit`, 1 to 100.
oc_result oc_children(uint32_t limit, const oc_session **sessions, size_t *count);
oc_result oc_sessions(uint32_t limit, const oc_session **sessions, size_t *count);

typedef struct {
    oc_text role; // `user`, `assistant`, `tool` or `host`
    oc_text text;
} oc_said;

typedef struct {
    const oc_said *said; // in the order in which it was said
    size_t count;
    int64_t before; // where the page before ends; negative if this is the first
} oc_page;

// The last messages of one, or those before a place; at most `limit`, 1 to 100. `before` is negative for the last.
oc_result oc_history(const char *key, uint32_t limit, int64_t before, oc_page *page);

typedef struct {
    oc_text key;  // the conversation that does it
    oc_text task; // by which the owner finds it
} oc_started;

// Says something in one. Returns at once: the answer comes into the run's own conversation later.
oc_result oc_send_to(const char *key, oc_text text, oc_started *started);

typedef struct {
    const char *task;         // all that it knows
    const char *label;        // what it is called; NULL for nothing
    const char *const *tools; // the only ones that it may use; ends with NULL; NULL for all of the run
    uint32_t seconds;         // how long it may work; 0 for what the owner's settings allow
} oc_agent;

// Starts a sub-agent. Returns at once: its result comes into the run's own conversation later.
oc_result oc_spawn(const oc_agent *agent, oc_started *started);

#endif
