// Gives a text back: what a call of a C guest costs.
//
// The names and layouts are those of the canonical ABI of `openclaw:tool/guest`; a generator of bindings would write the
// same. Texts are read as they stand in the arguments, without JSON's escapes.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(name), used))
#define TEXT(literal) {literal, sizeof(literal) - 1}

typedef struct {
    const char *bytes;
    size_t length;
} text_t;

// `openclaw:manifest/manifest.tool`
typedef struct {
    text_t name, description, input_schema;
    bool untrusted_output;
} tool_t;

// `openclaw:manifest/manifest.manifest`
typedef struct {
    text_t name, version, summary;
    const tool_t *tools;
    size_t tool_count;
    const void *scopes;
    size_t scope_count;
} manifest_t;

// `result<string, tool-error>`; both sides of it that occur here hold one text.
typedef struct {
    uint8_t is_error;
    union {
        text_t done;
        struct {
            uint8_t kind;
            text_t message;
        } error;
    };
} result_t;

enum { INVALID_ARGUMENTS = 0 };

static const tool_t TOOLS[] = {{
    .name = TEXT("echo_c"),
    .description = TEXT("Gives a text back."),
    .input_schema = TEXT("{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},"
                         "\"required\":[\"text\"],\"additionalProperties\":false}"),
}};

static const manifest_t MANIFEST = {
    .name = TEXT("echo-c"),
    .version = TEXT("0.1.0"),
    .summary = TEXT("Gives a text back."),
    .tools = TOOLS,
    .tool_count = 1,
};

// How the host gets room for arguments.
EXPORT("cabi_realloc")
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size;
    if (size == 0) {
        return (void *)align;
    }
    void *room = realloc(old, size);
    if (room == NULL) {
        abort();
    }
    return room;
}

EXPORT("openclaw:tool/guest@0.1.0#describe")
const manifest_t *describe(void) {
    return &MANIFEST;
}

static result_t refuse(void) {
    static const text_t message = TEXT("the arguments have no `text`");
    return (result_t){.is_error = 1, .error = {.kind = INVALID_ARGUMENTS, .message = message}};
}

// The value of the only member, `text`.
static result_t echo(const char *arguments, size_t length) {
    const char *end = arguments + length;
    const char *from = memchr(arguments, ':', length);
    if (from == NULL || (from = memchr(from, '"', end - from)) == NULL) {
        return refuse();
    }
    from += 1;
    const char *to = memchr(from, '"', end - from);
    if (to == NULL) {
        return refuse();
    }
    return (result_t){.done = {from, to - from}};
}

EXPORT("openclaw:tool/guest@0.1.0#invoke")
const result_t *invoke(const char *id, size_t id_length, const char *tool, size_t tool_length, const char *arguments,
                       size_t length) {
    (void)id, (void)id_length, (void)tool, (void)tool_length;
    static result_t result;
    result = echo(arguments, length);
    return &result;
}
