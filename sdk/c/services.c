// The parts of openclaw.h that reach further: searches in the workspace, programs, the model, messages and conversations.
//
// What the host gives lies in memory as the structures of openclaw.h do: they follow the records of the WIT.

#include "host.h"

#include <string.h>

// `result<TYPE, error>`
#define RESULT(type)             \
    struct {                     \
        uint8_t is_error;        \
        union {                  \
            type value;          \
            oc_host_error error; \
        };                       \
    }

// Returns from the calling function, with the value at `into` if there is one.
#define GIVE(result, into)                      \
    do {                                        \
        if ((result).is_error) {                \
            return oc_error_of(&(result).error); \
        }                                       \
        *(into) = (result).value;               \
        return oc_done(oc_text_of(""));         \
    } while (0)

// `result<_, error>`
typedef struct {
    uint8_t is_error;
    oc_host_error error;
} nothing_result;

static oc_result done_or(const nothing_result *result) {
    return result->is_error ? oc_error_of(&result->error) : oc_done(oc_text_of(""));
}

static size_t length_of(const char *string) {
    return string == NULL ? 0 : strlen(string);
}

// === Files ===

#define FILES "openclaw:workspace/files@0.1.0"
typedef RESULT(oc_slice) slice_result;
typedef RESULT(oc_listing) listing_result;
typedef RESULT(oc_hits) hits_result;
_Static_assert(sizeof(slice_result) == 32 && sizeof(listing_result) == 24 && sizeof(hits_result) == 24, "canonical ABI");
_Static_assert(sizeof(oc_entry) == 24 && sizeof(oc_hit) == 20, "canonical ABI");

// `change`: its two cases begin alike
typedef struct {
    uint8_t kind;
    oc_text path, content;
} file_change;

IMPORT(FILES, "read-range")
void files_read_range(const char *path, size_t length, int64_t offset, int64_t max_bytes, slice_result *result);
IMPORT(FILES, "commit") void files_commit(const file_change *changes, size_t count, nothing_result *result);
IMPORT(FILES, "list-directory")
void files_list_directory(const char *path, size_t length, int32_t limit, listing_result *result);
IMPORT(FILES, "glob") void files_glob(const char *pattern, size_t length, int32_t limit, listing_result *result);
IMPORT(FILES, "grep")
void files_grep(const char *pattern, size_t length, int32_t has_glob, const char *glob, size_t glob_length, int32_t limit,
                hits_result *result);

oc_result oc_read_range(const char *path, uint64_t offset, uint64_t max_bytes, oc_slice *slice) {
    slice_result result;
    files_read_range(path, strlen(path), (int64_t)offset, (int64_t)max_bytes, &result);
    GIVE(result, slice);
}

oc_result oc_commit(const oc_change *changes, size_t count) {
    enum { PUT, REMOVE };
    file_change *wanted = oc_room_for(count * sizeof(file_change));
    for (size_t index = 0; index < count; index++) {
        const oc_change *change = &changes[index];
        uint8_t kind = change->content.bytes == NULL ? REMOVE : PUT;
        wanted[index] = (file_change){kind, oc_text_of(change->path), change->content};
    }
    nothing_result result;
    files_commit(wanted, count, &result);
    return done_or(&result);
}

oc_result oc_list_directory(const char *path, uint32_t limit, oc_listing *listing) {
    listing_result result;
    files_list_directory(path, strlen(path), (int32_t)limit, &result);
    GIVE(result, listing);
}

oc_result oc_glob(const char *pattern, uint32_t limit, oc_listing *listing) {
    listing_result result;
    files_glob(pattern, strlen(pattern), (int32_t)limit, &result);
    GIVE(result, listing);
}

oc_result oc_grep(const char *pattern, const char *glob, uint32_t limit, oc_hits *hits) {
    hits_result result;
    files_grep(pattern, strlen(pattern), glob != NULL, glob, length_of(glob), (int32_t)limit, &result);
    GIVE(result, hits);
}

// === Programs ===

typedef RESULT(oc_exit) exit_result;
_Static_assert(sizeof(exit_result) == 56, "canonical ABI");

IMPORT("openclaw:exec/exec@0.1.0", "run")
void exec_run(const oc_text *argv, size_t count, int32_t has_cwd, const char *cwd, size_t cwd_length, const oc_list *env,
              size_t env_count, int32_t has_stdin, const char *input, size_t input_length, int64_t timeout_ms,
              int64_t max_output_bytes, exit_result *result);

oc_result oc_run(const oc_command *command, oc_exit *exit) {
    enum { TIMEOUT_MS = 60 * 1000, MAX_OUTPUT_BYTES = 64 * 1024 };
    oc_list argv = oc_words(command->argv);
    uint64_t timeout_ms = command->timeout_ms == 0 ? TIMEOUT_MS : command->timeout_ms;
    uint64_t max_output_bytes = command->max_output_bytes == 0 ? MAX_OUTPUT_BYTES : command->max_output_bytes;
    exit_result result;
    exec_run(argv.items, argv.count, command->cwd != NULL, command->cwd, length_of(command->cwd), NULL, 0,
             command->input.bytes != NULL, command->input.bytes, command->input.length, (int64_t)timeout_ms,
             (int64_t)max_output_bytes, &result);
    GIVE(result, exit);
}

// === The model ===

// `llm.message`
typedef struct {
    uint8_t role;
    oc_text text;
} llm_message;
typedef RESULT(oc_answer) answer_result;
_Static_assert(sizeof(llm_message) == 12 && sizeof(answer_result) == 40, "canonical ABI");

IMPORT("openclaw:llm/llm@0.1.0", "complete")
void llm_complete(const char *model, size_t model_length, const char *system, size_t system_length,
                  const llm_message *messages, size_t count, int32_t max_tokens, answer_result *result);

oc_result oc_ask(const oc_question *question, oc_answer *answer) {
    enum { USER, MAX_TOKENS = 1024 };
    const char *model = question->model == NULL ? "default" : question->model;
    llm_message asked = {USER, oc_text_of(question->text)};
    uint32_t max_tokens = question->max_tokens == 0 ? MAX_TOKENS : question->max_tokens;
    answer_result result;
    llm_complete(model, strlen(model), question->system, length_of(question->system), &asked, 1, (int32_t)max_tokens,
                 &result);
    GIVE(result, answer);
}

// === People ===

IMPORT("openclaw:message/message@0.1.0", "send")
void message_send(const char *to, size_t to_length, const char *text, size_t length, nothing_result *result);

oc_result oc_send(oc_text text) {
    nothing_result result;
    message_send("session", strlen("session"), text.bytes, text.length, &result);
    return done_or(&result);
}

// === Conversations ===

#define SESSIONS "openclaw:sessions/sessions@0.1.0"

// `page`
typedef struct {
    oc_list entries;
    _Alignas(8) uint8_t has_before;
    uint64_t before;
} session_page;
typedef RESULT(oc_list) list_result;
typedef RESULT(session_page) page_result;
typedef RESULT(oc_started) started_result;
_Static_assert(sizeof(oc_session) == 32 && sizeof(page_result) == 32 && sizeof(started_result) == 24, "canonical ABI");

IMPORT(SESSIONS, "children") void sessions_children(int32_t limit, list_result *result);
IMPORT(SESSIONS, "all") void sessions_all(int32_t limit, list_result *result);
IMPORT(SESSIONS, "history")
void sessions_history(const char *key, size_t length, int32_t limit, int32_t has_before, int64_t before, page_result *result);
IMPORT(SESSIONS, "send")
void sessions_send(const char *key, size_t key_length, const char *text, size_t length, started_result *result);
IMPORT(SESSIONS, "spawn")
void sessions_spawn(const char *task, size_t task_length, const char *label, size_t label_length, const oc_text *tools,
                    size_t tool_count, int32_t seconds, started_result *result);

static oc_result listed(const list_result *result, const oc_session **sessions, size_t *count) {
    if (result->is_error) {
        return oc_error_of(&result->error);
    }
    *sessions = result->value.items;
    *count = result->value.count;
    return oc_done(oc_text_of(""));
}

oc_result oc_children(uint32_t limit, const oc_session **sessions, size_t *count) {
    list_result result;
    sessions_children((int32_t)limit, &result);
    return listed(&result, sessions, count);
}

oc_result oc_sessions(uint32_t limit, const oc_session **sessions, size_t *count) {
    list_result result;
    sessions_all((int32_t)limit, &result);
    return listed(&result, sessions, count);
}

oc_result oc_history(const char *key, uint32_t limit, int64_t before, oc_page *page) {
    page_result result;
    sessions_history(key, strlen(key), (int32_t)limit, before >= 0, before < 0 ? 0 : before, &result);
    if (result.is_error) {
        return oc_error_of(&result.error);
    }
    const session_page *found = &result.value;
    *page = (oc_page){found->entries.items, found->entries.count, found->has_before ? (int64_t)found->before : -1};
    return oc_done(oc_text_of(""));
}

oc_result oc_send_to(const char *key, oc_text text, oc_started *started) {
    started_result result;
    sessions_send(key, strlen(key), text.bytes, text.length, &result);
    GIVE(result, started);
}

oc_result oc_spawn(const oc_agent *agent, oc_started *started) {
    oc_list tools = oc_words(agent->tools);
    started_result result;
    sessions_spawn(agent->task, strlen(agent->task), agent->label, length_of(agent->label), tools.items, tools.count,
                   (int32_t)agent->seconds, &result);
    GIVE(result, started);
}
