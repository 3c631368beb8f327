// The other side of openclaw.h: the two exports, JSON, and the host's interfaces by the names and layouts that the canonical ABI of
// the component model gives them.

#include "openclaw.h"

#include "host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

void *oc_room_for(size_t bytes) {
    void *room = malloc(bytes == 0 ? 1 : bytes);
    if (room == NULL) {
        abort();
    }
    return room;
}

// === Text and results ===

oc_text oc_text_of(const char *string) {
    return (oc_text){string, string == NULL ? 0 : strlen(string)};
}

void oc_put(oc_buffer *buffer, const char *bytes, size_t length) {
    if (buffer->room - buffer->length <= length) {
        // One byte more, for the NUL after the text.
        size_t room = (buffer->length + length + 1) * 2;
        char *moved = realloc(buffer->bytes, room);
        if (moved == NULL) {
            abort();
        }
        buffer->bytes = moved;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
}

static void put_formatted(oc_buffer *buffer, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        abort();
    }
    char *text = oc_room_for((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    oc_put(buffer, text, (size_t)length);
    free(text);
}

void oc_putf(oc_buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_formatted(buffer, format, args);
    va_end(args);
}

oc_text oc_finish(oc_buffer *buffer) {
    oc_put(buffer, "", 0);
    return (oc_text){buffer->bytes, buffer->length};
}

oc_text oc_format(const char *format, ...) {
    oc_buffer buffer = {0};
    va_list args;
    va_start(args, format);
    put_formatted(&buffer, format, args);
    va_end(args);
    return oc_finish(&buffer);
}

oc_result oc_done(oc_text text) {
    return (oc_result){.kind = OC_DONE, .text = text};
}

oc_result oc_error(oc_kind kind, const char *format, ...) {
    oc_buffer buffer = {0};
    va_list args;
    va_start(args, format);
    put_formatted(&buffer, format, args);
    va_end(args);
    return (oc_result){.kind = kind, .text = oc_finish(&buffer)};
}

oc_result oc_denied(const char *code, const char *reason) {
    return (oc_result){.kind = OC_DENIED, .code = oc_text_of(code), .text = oc_text_of(reason)};
}

oc_result oc_failed_after_sending(const char *message) {
    return (oc_result){.kind = OC_FAILED, .text = oc_text_of(message), .sent = true};
}

// How many bytes at the start are one character in UTF-8; 0 if they are none.
static size_t character(const unsigned char *bytes, size_t length) {
    static const struct {
        unsigned char mask, mark;
        uint32_t least;
    } FORMS[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t more = 0; more < COUNT(FORMS); more++) {
        if ((bytes[0] & FORMS[more].mask) != FORMS[more].mark) {
            continue;
        }
        uint32_t code = bytes[0] & (unsigned char)~FORMS[more].mask;
        for (size_t index = 1; index <= more; index++) {
            if (index >= length || (bytes[index] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (bytes[index] & 0x3f);
        }
        bool valid = code >= FORMS[more].least && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        return valid ? more + 1 : 0;
    }
    return 0;
}

void oc_put_json(oc_buffer *buffer, oc_text text) {
    if (text.bytes == NULL) {
        oc_put(buffer, "null", 4);
        return;
    }
    oc_put(buffer, "\"", 1);
    for (size_t at = 0; at < text.length;) {
        unsigned char byte = (unsigned char)text.bytes[at];
        size_t length = character((const unsigned char *)text.bytes + at, text.length - at);
        if (byte == '"' || byte == '\\') {
            oc_putf(buffer, "\\%c", byte);
        } else if (byte < 0x20) {
            oc_putf(buffer, "\\u%04x", byte);
        } else if (length == 0) {
            oc_put(buffer, "\\ufffd", 6);
        } else {
            oc_put(buffer, text.bytes + at, length);
        }
        at += length == 0 ? 1 : length;
    }
    oc_put(buffer, "\"", 1);
}

static bool is(oc_text text, const char *string) {
    return strlen(string) == text.length && memcmp(text.bytes, string, text.length) == 0;
}

// === Arguments from JSON ===

typedef struct {
    bool given;
    oc_text text;
    int64_t integer;
    double number;
    bool boolean;
    oc_text *texts;
    size_t count;
} argument;

struct oc_args {
    const oc_param *params;
    argument *values;
};

// Where a reader stands. `at` is NULL once something was not as it should be.
typedef struct {
    const char *at, *end;
} reader;

static void skip_space(reader *json) {
    while (json->at != NULL && json->at < json->end && strchr(" \t\r\n", *json->at) != NULL) {
        json->at++;
    }
}

static bool take(reader *json, char wanted) {
    skip_space(json);
    if (json->at == NULL || json->at == json->end || *json->at != wanted) {
        return false;
    }
    json->at++;
    return true;
}

static bool take_word(reader *json, const char *word) {
    skip_space(json);
    size_t length = strlen(word);
    if (json->at == NULL || (size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) {
        return false;
    }
    json->at += length;
    return true;
}

static void expect(reader *json, char wanted) {
    if (!take(json, wanted)) {
        json->at = NULL;
    }
}

static uint32_t hex4(reader *json) {
    uint32_t code = 0;
    for (int digit = 0; digit < 4; digit++) {
        if (json->at == NULL || json->at == json->end) {
            json->at = NULL;
            return 0;
        }
        char c = *json->at++;
        const char *digits = "0123456789abcdef", *found = strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
        if (c == '\0' || found == NULL) {
            json->at = NULL;
            return 0;
        }
        code = code << 4 | (uint32_t)(found - digits);
    }
    return code;
}

static void put_code(oc_buffer *buffer, uint32_t code) {
    char bytes[4];
    size_t length = 0;
    if (code < 0x80) {
        bytes[length++] = (char)code;
    } else if (code < 0x800) {
        bytes[length++] = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        bytes[length++] = (char)(0xe0 | code >> 12);
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        bytes[length++] = (char)(0xf0 | code >> 18);
        bytes[length++] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[length++] = (char)(0x80 | (code >> 6 & 0x3f));
    }
    if (code >= 0x80) {
        bytes[length++] = (char)(0x80 | (code & 0x3f));
    }
    oc_put(buffer, bytes, length);
}

static void read_escape(reader *json, oc_buffer *buffer) {
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end) {
        json->at = NULL;
        return;
    }
    char c = *json->at++;
    const char *simple = c == '\0' ? NULL : strchr(FROM, c);
    if (simple != NULL) {
        oc_put(buffer, &TO[simple - FROM], 1);
        return;
    }
    uint32_t code = c == 'u' ? hex4(json) : (json->at = NULL, 0);
    if (code >= 0xd800 && code < 0xdc00 && json->at != NULL && json->end - json->at >= 2 && json->at[0] == '\\' &&
        json->at[1] == 'u') {
        json->at += 2;
        uint32_t low = hex4(json);
        bool pair = low >= 0xdc00 && low <= 0xdfff;
        code = pair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
    }
    // Half of a pair stands for nothing.
    put_code(buffer, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
}

static oc_text read_string(reader *json) {
    oc_buffer buffer = {0};
    expect(json, '"');
    while (json->at != NULL) {
        if (json->at == json->end) {
            json->at = NULL;
            break;
        }
        char c = *json->at++;
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            read_escape(json, &buffer);
        } else {
            oc_put(&buffer, &c, 1);
        }
    }
    return oc_finish(&buffer);
}

static double read_number(reader *json, int64_t *integer, bool *whole) {
    skip_space(json);
    const char *start = json->at;
    while (json->at != NULL && json->at < json->end && *json->at != '\0' && strchr("+-.0123456789eE", *json->at) != NULL) {
        json->at++;
    }
    if (start == NULL || json->at == start) {
        json->at = NULL;
        return 0;
    }
    char *text = oc_room_for((size_t)(json->at - start) + 1), *end;
    memcpy(text, start, (size_t)(json->at - start));
    text[json->at - start] = '\0';
    double number = strtod(text, &end);
    if (*end != '\0') {
        json->at = NULL;
    }
    errno = 0;
    *integer = strtoll(text, &end, 10);
    *whole = *end == '\0' && errno == 0;
    // JSON Schema takes 2.0 for an integer too.
    if (!*whole && number >= -9007199254740991.0 && number <= 9007199254740991.0 && number == (double)(int64_t)number) {
        *integer = (int64_t)number;
        *whole = true;
    }
    return number;
}

static bool is_choice(const oc_param *param, oc_text text) {
    for (const char *const *choice = param->choices; *choice != NULL; choice++) {
        if (is(text, *choice)) {
            return true;
        }
    }
    return false;
}

static void read_texts(reader *json, argument *value) {
    expect(json, '[');
    if (take(json, ']')) {
        return;
    }
    do {
        oc_text *texts = realloc(value->texts, (value->count + 1) * sizeof(oc_text));
        if (texts == NULL) {
            abort();
        }
        value->texts = texts;
        value->texts[value->count++] = read_string(json);
    } while (take(json, ','));
    expect(json, ']');
}

// Reads the value of an argument; gives whether it is of the argument's type.
static bool read_value(reader *json, const oc_param *param, argument *value) {
    if (take_word(json, "null")) {
        return param->optional;
    }
    bool whole = true;
    value->given = true;
    switch (param->type) {
    case OC_STRING:
        value->text = read_string(json);
        break;
    case OC_CHOICE:
        value->text = read_string(json);
        return json->at != NULL && is_choice(param, value->text);
    case OC_INTEGER:
        value->number = read_number(json, &value->integer, &whole);
        return json->at != NULL && whole;
    case OC_NUMBER:
        value->number = read_number(json, &value->integer, &whole);
        break;
    case OC_BOOLEAN:
        value->boolean = take_word(json, "true");
        return value->boolean || take_word(json, "false");
    case OC_STRINGS:
        read_texts(json, value);
        break;
    }
    return json->at != NULL;
}

static size_t param_count(const oc_param *params) {
    size_t count = 0;
    while (params != NULL && params[count].name != NULL) {
        count++;
    }
    return count;
}

static oc_result read_members(reader *json, const oc_args *args) {
    size_t count = param_count(args->params);
    if (take(json, '}')) {
        return oc_done(oc_text_of(""));
    }
    do {
        oc_text name = read_string(json);
        expect(json, ':');
        size_t index = 0;
        while (index < count && !is(name, args->params[index].name)) {
            index++;
        }
        if (json->at == NULL) {
            break;
        }
        if (index == count) {
            return oc_error(OC_INVALID_ARGUMENTS, "there is no argument `%s`", name.bytes);
        }
        if (!read_value(json, &args->params[index], &args->values[index])) {
            return oc_error(OC_INVALID_ARGUMENTS, "the argument `%s` is not of its type", name.bytes);
        }
    } while (take(json, ','));
    expect(json, '}');
    return oc_done(oc_text_of(""));
}

static oc_result read_args(oc_text text, oc_args *args) {
    size_t count = param_count(args->params);
    args->values = calloc(count + 1, sizeof(argument));
    if (args->values == NULL) {
        abort();
    }
    reader json = {text.bytes, text.bytes + text.length};
    skip_space(&json);
    // Some models send nothing at all to a tool whose arguments are all optional.
    if (json.at != json.end) {
        expect(&json, '{');
        OC_TRY(json.at == NULL ? oc_done(oc_text_of("")) : read_members(&json, args));
        skip_space(&json);
        if (json.at != json.end) {
            return oc_error(OC_INVALID_ARGUMENTS, "the arguments are not a JSON object");
        }
    }
    for (size_t index = 0; index < count; index++) {
        if (!args->values[index].given && !args->params[index].optional) {
            return oc_error(OC_INVALID_ARGUMENTS, "the argument `%s` is missing", args->params[index].name);
        }
    }
    return oc_done(oc_text_of(""));
}

static const argument *find(const oc_args *args, const char *name) {
    for (size_t index = 0; index < param_count(args->params); index++) {
        if (strcmp(args->params[index].name, name) == 0) {
            return &args->values[index];
        }
    }
    // A name that is in no table is a fault of the component.
    abort();
}

bool oc_has(const oc_args *args, const char *name) {
    return find(args, name)->given;
}

oc_text oc_string(const oc_args *args, const char *name) {
    return find(args, name)->text;
}

int64_t oc_integer(const oc_args *args, const char *name) {
    return find(args, name)->integer;
}

double oc_number(const oc_args *args, const char *name) {
    return find(args, name)->number;
}

bool oc_boolean(const oc_args *args, const char *name) {
    return find(args, name)->boolean;
}

const oc_text *oc_strings(const oc_args *args, const char *name, size_t *count) {
    const argument *value = find(args, name);
    *count = value->count;
    return value->texts;
}

// === The exports ===

#define EXPORT(name) __attribute__((export_name(name), used))
#define GUEST "openclaw:tool/guest@0.1.0#"

// How the host gets room for what it passes. One byte more than asked for: a text is followed by a NUL.
EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size, (void)align;
    char *room = realloc(old, size + 1);
    if (room == NULL) {
        abort();
    }
    room[size] = '\0';
    return room;
}

// `openclaw:manifest/manifest.tool`
typedef struct {
    oc_text name, description, input_schema;
    bool untrusted_output;
} manifest_tool;

// `openclaw:manifest/manifest.scope`
typedef struct {
    uint8_t kind;
    union {
        struct {
            oc_text name;
            uint8_t flag;
        } named;
        struct {
            oc_text pattern;
            oc_list methods, paths;
        } http;
        oc_list words;
        uint8_t flag;
    };
} manifest_scope;

// `openclaw:manifest/manifest.manifest`
typedef struct {
    oc_text name, version, summary;
    oc_list tools, scopes;
} manifest;

// `result<string, tool-error>`
typedef struct {
    uint8_t is_error;
    union {
        oc_text done;
        struct {
            uint8_t kind;
            union {
                oc_text message;
                struct {
                    oc_text code, reason;
                } denied;
                struct {
                    oc_text message;
                    bool sent;
                } failed;
            };
        } error;
    };
} invoked;

_Static_assert(sizeof(manifest_tool) == 28 && sizeof(manifest_scope) == 28 && sizeof(invoked) == 24, "canonical ABI");

static void put_type(oc_buffer *schema, const oc_param *param) {
    static const char *const NAMES[] = {"string", "integer", "number", "boolean", "array", "string"};
    const char *name = NAMES[param->type];
    oc_putf(schema, param->optional ? "\"type\":[\"%s\",\"null\"]" : "\"type\":\"%s\"", name);
    if (param->type == OC_STRINGS) {
        oc_putf(schema, ",\"items\":{\"type\":\"string\"}");
    }
    if (param->type == OC_CHOICE) {
        oc_putf(schema, ",\"enum\":[");
        for (const char *const *choice = param->choices; *choice != NULL; choice++) {
            oc_put_json(schema, oc_text_of(*choice));
            oc_putf(schema, choice[1] != NULL ? "," : param->optional ? ",null" : "");
        }
        oc_putf(schema, "]");
    }
}

static oc_text schema_of(const oc_param *params) {
    oc_buffer members = {0}, required = {0}, schema = {0};
    for (size_t index = 0; index < param_count(params); index++) {
        oc_putf(&members, index == 0 ? "" : ",");
        oc_put_json(&members, oc_text_of(params[index].name));
        oc_putf(&members, ":{");
        put_type(&members, &params[index]);
        if (params[index].description != NULL) {
            oc_putf(&members, ",\"description\":");
            oc_put_json(&members, oc_text_of(params[index].description));
        }
        oc_putf(&members, "}");
        if (!params[index].optional) {
            oc_putf(&required, required.length == 0 ? "" : ",");
            oc_put_json(&required, oc_text_of(params[index].name));
        }
    }
    oc_putf(&schema, "{\"type\":\"object\",\"properties\":{%s},", oc_finish(&members).bytes);
    oc_putf(&schema, "\"required\":[%s],\"additionalProperties\":false}", oc_finish(&required).bytes);
    return oc_finish(&schema);
}

oc_list oc_words(const char *const *words) {
    size_t count = 0;
    while (words != NULL && words[count] != NULL) {
        count++;
    }
    oc_text *texts = oc_room_for(count * sizeof(oc_text));
    for (size_t index = 0; index < count; index++) {
        texts[index] = oc_text_of(words[index]);
    }
    return (oc_list){texts, count};
}

static oc_list tools(void) {
    size_t count = 0;
    while (oc_the_component.tools[count].name != NULL) {
        count++;
    }
    manifest_tool *tools = oc_room_for(count * sizeof(manifest_tool));
    for (size_t index = 0; index < count; index++) {
        const oc_tool *tool = &oc_the_component.tools[index];
        tools[index] = (manifest_tool){
            oc_text_of(tool->name),
            oc_text_of(tool->description),
            schema_of(tool->params),
            tool->untrusted_output,
        };
    }
    return (oc_list){tools, count};
}

static oc_list scopes(void) {
    enum { HTTP = 1, EXEC = 2, SESSIONS = 10 };
    size_t count = 0;
    while (oc_the_component.scopes != NULL && oc_the_component.scopes[count].kind != 0) {
        count++;
    }
    manifest_scope *scopes = oc_room_for(count * sizeof(manifest_scope));
    for (size_t index = 0; index < count; index++) {
        const oc_scope *scope = &oc_the_component.scopes[index];
        scopes[index].kind = scope->kind - 1;
        if (scopes[index].kind == HTTP) {
            scopes[index].http.pattern = oc_text_of(scope->name);
            scopes[index].http.methods = oc_words(scope->words);
            scopes[index].http.paths = oc_words(scope->paths);
        } else if (scopes[index].kind == EXEC) {
            scopes[index].words = oc_words(scope->words);
        } else if (scopes[index].kind == SESSIONS) {
            scopes[index].flag = scope->flag;
        } else {
            scopes[index].named.name = oc_text_of(scope->name);
            scopes[index].named.flag = scope->flag;
        }
    }
    return (oc_list){scopes, count};
}

EXPORT(GUEST "describe") const manifest *describe(void) {
    static manifest described;
    described.name = oc_text_of(oc_the_component.name);
    described.version = oc_text_of(oc_the_component.version);
    described.summary = oc_text_of(oc_the_component.summary);
    described.tools = tools();
    described.scopes = scopes();
    return &described;
}

static oc_result run(oc_text name, oc_text arguments) {
    for (const oc_tool *tool = oc_the_component.tools; tool->name != NULL; tool++) {
        if (is(name, tool->name)) {
            oc_args args = {.params = tool->params};
            OC_TRY(read_args(arguments, &args));
            return tool->run(&args);
        }
    }
    return oc_error(OC_NOT_FOUND, "this component has no tool `%s`", name.bytes);
}

EXPORT(GUEST "invoke")
const invoked *invoke(const char *id, size_t id_length, const char *tool, size_t tool_length, const char *arguments,
                      size_t length) {
    (void)id, (void)id_length;
    static invoked answer;
    oc_result result = run((oc_text){tool, tool_length}, (oc_text){arguments, length});
    answer.is_error = result.kind != OC_DONE;
    if (!answer.is_error) {
        answer.done = result.text;
        return &answer;
    }
    answer.error.kind = (uint8_t)result.kind;
    answer.error.message = result.text;
    if (result.kind == OC_DENIED) {
        answer.error.denied.code = result.code;
        answer.error.denied.reason = result.text;
    } else if (result.kind == OC_FAILED) {
        answer.error.failed.sent = result.sent;
    }
    return &answer;
}

// === Files ===

static oc_result file_error(const char *what, const char *path) {
    int code = errno;
    struct stat workspace;
    if (stat("/workspace", &workspace) != 0) {
        return oc_denied("E_POLICY_DENY", "the workspace is not granted to this component");
    }
    switch (code) {
    case ENOENT:
        return oc_error(OC_NOT_FOUND, "there is no file `%s`", path);
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTCAPABLE:
        return oc_denied("E_POLICY_DENY", oc_format("to %s `%s` is not permitted", what, path).bytes);
    default:
        return oc_error(OC_FAILED, "cannot %s `%s`: %s", what, path, strerror(code));
    }
}

oc_result oc_read_file(const char *path, oc_text *content) {
    FILE *file = fopen(oc_format("/workspace/%s", path).bytes, "rb");
    if (file == NULL) {
        return file_error("read", path);
    }
    oc_buffer buffer = {0};
    char chunk[4096];
    size_t length;
    while ((length = fread(chunk, 1, sizeof chunk, file)) > 0) {
        oc_put(&buffer, chunk, length);
    }
    bool failed = ferror(file) != 0;
    *content = oc_finish(&buffer);
    if (failed) {
        return file_error("read", path);
    }
    fclose(file);
    return oc_done(oc_text_of(""));
}

oc_result oc_write_file(const char *path, oc_text content) {
    FILE *file = fopen(oc_format("/workspace/%s", path).bytes, "wb");
    if (file == NULL) {
        return file_error("write", path);
    }
    bool written = fwrite(content.bytes, 1, content.length, file) == content.length;
    if (fclose(file) != 0 || !written) {
        return file_error("write", path);
    }
    return oc_done(oc_text_of(""));
}

// === The host's interfaces ===

oc_result oc_error_of(const oc_host_error *error) {
    static const oc_kind KINDS[] = {OC_DENIED,      OC_LIMIT,     OC_INVALID_ARGUMENTS, OC_UNAVAILABLE,
                                    OC_CANCELLED,   OC_NOT_FOUND, OC_FAILED};
    oc_result result = {.kind = KINDS[error->kind], .text = error->text};
    if (result.kind == OC_DENIED) {
        result.code = error->denied.code;
        result.text = error->denied.reason;
    }
    return result;
}

#define RUN "openclaw:session/run@0.1.0"
IMPORT(RUN, "progress") void run_progress(int32_t has_percent, int32_t percent, const char *note, size_t length);
IMPORT(RUN, "is-cancelled") int32_t run_is_cancelled(void);

void oc_progress(int percent, oc_text note) {
    run_progress(percent >= 0, percent >= 0 ? percent : 0, note.bytes, note.length);
}

bool oc_is_cancelled(void) {
    return run_is_cancelled() != 0;
}

IMPORT(RUN, "get-info") void run_get_info(oc_info *info);
IMPORT(RUN, "get-budget") void run_get_budget(oc_budget *budget);

oc_info oc_get_info(void) {
    oc_info info;
    run_get_info(&info);
    return info;
}

oc_budget oc_get_budget(void) {
    oc_budget budget;
    run_get_budget(&budget);
    return budget;
}

IMPORT("wasi:logging/logging@0.1.0-draft", "log")
void logging_log(int32_t level, const char *context, size_t context_length, const char *message, size_t length);

void oc_log(oc_level level, const char *context, oc_text message) {
    logging_log(level, context, strlen(context), message.bytes, message.length);
}

// A result whose sides are an optional text and a variant of texts: that of settings and of stores.
typedef struct {
    uint8_t is_error;
    uint8_t padding[3];
    uint8_t kind; // of the error; or whether there is a text
    oc_text text;
} text_result;

IMPORT("wasi:config/store@0.2.0-rc.1", "get") void config_get(const char *key, size_t length, text_result *result);

oc_result oc_setting(const char *key, oc_text *value) {
    text_result result;
    config_get(key, strlen(key), &result);
    if (result.is_error) {
        return (oc_result){.kind = OC_FAILED, .text = result.text};
    }
    *value = result.kind ? result.text : (oc_text){0};
    return oc_done(oc_text_of(""));
}

// Of all settings, the list stands where the error stands.
typedef union {
    text_result text;
    struct {
        uint32_t is_error;
        oc_list pairs;
    } all;
} settings_result;
IMPORT("wasi:config/store@0.2.0-rc.1", "get-all") void config_get_all(settings_result *result);

oc_result oc_settings(const oc_pair **settings, size_t *count) {
    settings_result result;
    config_get_all(&result);
    if (result.text.is_error) {
        return (oc_result){.kind = OC_FAILED, .text = result.text.text};
    }
    *settings = result.all.pairs.items;
    *count = result.all.pairs.count;
    return oc_done(oc_text_of(""));
}

#define STORE "wasi:keyvalue/store@0.2.0-draft"
// Of `open`, the handle stands where the kind stands.
typedef union {
    text_result text;
    struct {
        uint32_t is_error;
        int32_t handle;
    } opened;
} store_result;
IMPORT(STORE, "open") void store_open(const char *name, size_t length, store_result *result);
IMPORT(STORE, "[method]bucket.get") void bucket_get(int32_t bucket, const char *key, size_t length, store_result *result);
IMPORT(STORE, "[method]bucket.set")
void bucket_set(int32_t bucket, const char *key, size_t key_length, const char *value, size_t length, store_result *result);
IMPORT(STORE, "[resource-drop]bucket") void bucket_drop(int32_t bucket);

static oc_result store_error(const store_result *result) {
    enum { NO_SUCH_STORE, ACCESS_DENIED };
    switch (result->text.kind) {
    case NO_SUCH_STORE:
        return oc_error(OC_NOT_FOUND, "there is no such store");
    case ACCESS_DENIED:
        // `wasi:keyvalue` has no place for the host's codes; a refusal gets the general one.
        return oc_denied("E_POLICY_DENY", "the store is not granted to this component");
    default:
        return (oc_result){.kind = OC_FAILED, .text = result->text.text};
    }
}

static oc_result open_store(const char *name, int32_t *bucket) {
    store_result result;
    store_open(name, strlen(name), &result);
    if (result.text.is_error) {
        return store_error(&result);
    }
    *bucket = result.opened.handle;
    return oc_done(oc_text_of(""));
}

oc_result oc_store_get(const char *store, const char *key, oc_text *value) {
    int32_t bucket;
    OC_TRY(open_store(store, &bucket));
    store_result result;
    bucket_get(bucket, key, strlen(key), &result);
    bucket_drop(bucket);
    if (result.text.is_error) {
        return store_error(&result);
    }
    *value = result.text.kind ? result.text.text : (oc_text){0};
    return oc_done(oc_text_of(""));
}

oc_result oc_store_set(const char *store, const char *key, oc_text value) {
    int32_t bucket;
    OC_TRY(open_store(store, &bucket));
    store_result result;
    bucket_set(bucket, key, strlen(key), value.bytes, value.length, &result);
    bucket_drop(bucket);
    return result.text.is_error ? store_error(&result) : oc_done(oc_text_of(""));
}

IMPORT(STORE, "[method]bucket.delete")
void bucket_delete(int32_t bucket, const char *key, size_t length, store_result *result);

oc_result oc_store_delete(const char *store, const char *key) {
    int32_t bucket;
    OC_TRY(open_store(store, &bucket));
    store_result result;
    bucket_delete(bucket, key, strlen(key), &result);
    bucket_drop(bucket);
    return result.text.is_error ? store_error(&result) : oc_done(oc_text_of(""));
}

// `result<key-response, error>`, whose numbers have 64 bits, so that an error too begins later
typedef struct {
    _Alignas(8) uint8_t is_error;
    union {
        struct {
            oc_list keys;
            _Alignas(8) uint8_t has_more;
            uint64_t cursor;
        };
        struct {
            uint8_t kind;
            oc_text text;
        } error;
        uint64_t sum;
    };
} wide_result;
_Static_assert(sizeof(wide_result) == 32, "canonical ABI");
IMPORT(STORE, "[method]bucket.list-keys")
void bucket_list_keys(int32_t bucket, int32_t has_cursor, int64_t cursor, wide_result *result);
IMPORT("wasi:keyvalue/atomics@0.2.0-draft", "increment")
void atomics_increment(int32_t bucket, const char *key, size_t length, int64_t delta, wide_result *result);

static oc_result wide_error(const wide_result *result) {
    store_result narrow = {.text = {.is_error = true, .kind = result->error.kind, .text = result->error.text}};
    return store_error(&narrow);
}

oc_result oc_store_keys(const char *store, const oc_text **keys, size_t *count) {
    int32_t bucket;
    OC_TRY(open_store(store, &bucket));
    oc_buffer all = {0};
    wide_result page = {0};
    do {
        bucket_list_keys(bucket, page.has_more, (int64_t)page.cursor, &page);
        if (page.is_error) {
            bucket_drop(bucket);
            return wide_error(&page);
        }
        oc_put(&all, page.keys.items, page.keys.count * sizeof(oc_text));
    } while (page.has_more);
    bucket_drop(bucket);
    *keys = (const oc_text *)oc_finish(&all).bytes;
    *count = all.length / sizeof(oc_text);
    return oc_done(oc_text_of(""));
}

oc_result oc_store_increment(const char *store, const char *key, uint64_t delta, uint64_t *sum) {
    int32_t bucket;
    OC_TRY(open_store(store, &bucket));
    wide_result result;
    atomics_increment(bucket, key, strlen(key), (int64_t)delta, &result);
    bucket_drop(bucket);
    if (result.is_error) {
        return wide_error(&result);
    }
    *sum = result.sum;
    return oc_done(oc_text_of(""));
}

#define SECRETS "openclaw:secrets/secrets@0.1.0"
typedef struct {
    uint8_t is_error;
    union {
        int32_t handle;
        oc_host_error error;
    };
} secret_result;
IMPORT(SECRETS, "get") void secrets_get(const char *name, size_t length, secret_result *result);
IMPORT(SECRETS, "[method]secret.placeholder") void secret_placeholder(int32_t secret, oc_text *result);
IMPORT(SECRETS, "[resource-drop]secret") void secret_drop(int32_t secret);

oc_result oc_secret(const char *name, oc_text *placeholder) {
    secret_result result;
    secrets_get(name, strlen(name), &result);
    if (result.is_error) {
        return oc_error_of(&result.error);
    }
    secret_placeholder(result.handle, placeholder);
    secret_drop(result.handle);
    return oc_done(oc_text_of(""));
}

// === Requests ===

#define TYPES "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"

// `wasi:http/types.error-code`, with the one payload that is looked at: `option<string>`
typedef struct {
    _Alignas(8) uint8_t kind;
    _Alignas(8) uint8_t has_text;
    oc_text text;
    uint8_t rest[12];
} error_code;
_Static_assert(sizeof(error_code) == 32, "canonical ABI");

typedef struct {
    uint32_t is_error;
    int32_t handle;
} handle_result;

typedef struct {
    _Alignas(8) uint8_t is_error;
    union {
        _Alignas(8) int32_t handle;
        error_code error;
    };
} http_result;

// `option<result<result<incoming-response, error-code>>>`
typedef struct {
    _Alignas(8) uint8_t is_some;
    _Alignas(8) uint8_t is_taken;
    http_result answer;
} future_result;
_Static_assert(sizeof(http_result) == 40 && sizeof(future_result) == 56, "canonical ABI");

typedef struct {
    uint8_t is_error;
    union {
        oc_text bytes;
        struct {
            uint8_t is_closed;
            int32_t error;
        };
    };
} stream_result;

typedef struct {
    oc_text name, value;
} field;

IMPORT(TYPES, "[static]fields.from-list") void fields_from_list(const field *fields, size_t count, handle_result *result);
IMPORT(TYPES, "[constructor]outgoing-request") int32_t request_new(int32_t fields);
IMPORT(TYPES, "[method]outgoing-request.set-method")
int32_t request_set_method(int32_t request, int32_t kind, const char *text, size_t length);
IMPORT(TYPES, "[method]outgoing-request.set-scheme")
int32_t request_set_scheme(int32_t request, int32_t is_some, int32_t kind, const char *text, size_t length);
IMPORT(TYPES, "[method]outgoing-request.set-authority")
int32_t request_set_authority(int32_t request, int32_t is_some, const char *text, size_t length);
IMPORT(TYPES, "[method]outgoing-request.set-path-with-query")
int32_t request_set_path(int32_t request, int32_t is_some, const char *text, size_t length);
IMPORT(TYPES, "[method]outgoing-request.body") void request_body(int32_t request, handle_result *result);
IMPORT(TYPES, "[method]outgoing-body.write") void body_write(int32_t body, handle_result *result);
IMPORT(TYPES, "[static]outgoing-body.finish")
void body_finish(int32_t body, int32_t has_trailers, int32_t trailers, http_result *result);
IMPORT("wasi:http/outgoing-handler@0.2.0", "handle")
void handler_handle(int32_t request, int32_t has_options, int32_t options, http_result *result);
IMPORT(TYPES, "[method]future-incoming-response.subscribe") int32_t future_subscribe(int32_t future);
IMPORT(TYPES, "[method]future-incoming-response.get") void future_get(int32_t future, future_result *result);
IMPORT(TYPES, "[resource-drop]future-incoming-response") void future_drop(int32_t future);
IMPORT(TYPES, "[method]incoming-response.status") int32_t response_status(int32_t response);
IMPORT(TYPES, "[method]incoming-response.consume") void response_consume(int32_t response, handle_result *result);
IMPORT(TYPES, "[resource-drop]incoming-response") void response_drop(int32_t response);
IMPORT(TYPES, "[method]incoming-body.stream") void body_stream(int32_t body, handle_result *result);
IMPORT(TYPES, "[resource-drop]incoming-body") void body_drop(int32_t body);
// An option has the layout of a result of this kind: the first byte says which side it is.
IMPORT(TYPES, "http-error-code") void http_error_code(int32_t error, http_result *result);
IMPORT(STREAMS, "[method]input-stream.blocking-read") void stream_read(int32_t stream, int64_t length, stream_result *result);
IMPORT(STREAMS, "[resource-drop]input-stream") void input_drop(int32_t stream);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush")
void stream_write(int32_t stream, const char *bytes, size_t length, stream_result *result);
IMPORT(STREAMS, "[resource-drop]output-stream") void output_drop(int32_t stream);
IMPORT("wasi:io/poll@0.2.0", "[method]pollable.block") void pollable_block(int32_t pollable);
IMPORT("wasi:io/poll@0.2.0", "[resource-drop]pollable") void pollable_drop(int32_t pollable);

enum {
    CHUNK_BYTES = 64 * 1024,          // one frame between the component and the host
    WRITE_BYTES = 4096,               // what `blocking-write-and-flush` takes at most, by its contract
    DEFAULT_BODY_BYTES = 1024 * 1024,
};

// The parts of a URL. Only cut apart here: the host parses and judges them.
typedef struct {
    oc_text scheme, authority, path;
} target;

static bool cut(const char *url, target *target) {
    const char *end = strstr(url, "://");
    if (end == NULL || end == url) {
        return false;
    }
    target->scheme = (oc_text){url, (size_t)(end - url)};
    const char *authority = end + 3;
    target->authority = (oc_text){authority, strcspn(authority, "/?\\#")};
    const char *path = authority + target->authority.length;
    oc_buffer buffer = {0};
    oc_putf(&buffer, *path == '/' ? "" : "/");
    oc_put(&buffer, path, strcspn(path, "#"));
    target->path = oc_finish(&buffer);
    return target->authority.length > 0;
}

// The case of a word in a list that ends with `other`.
static int32_t case_of(oc_text word, const char *const *known, size_t count) {
    size_t index = 0;
    while (index < count && !is(word, known[index])) {
        index++;
    }
    return (int32_t)index;
}

static bool make_request(const oc_request *request, const target *target, int32_t *made) {
    static const char *const METHODS[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    static const char *const SCHEMES[] = {"http", "https"};
    size_t count = 0;
    while (request->headers != NULL && request->headers[count].name != NULL) {
        count++;
    }
    field *fields = oc_room_for(count * sizeof(field));
    for (size_t index = 0; index < count; index++) {
        fields[index] = (field){oc_text_of(request->headers[index].name), request->headers[index].value};
    }
    handle_result headers;
    fields_from_list(fields, count, &headers);
    if (headers.is_error & 0xff) {
        return false;
    }
    *made = request_new(headers.handle);
    oc_text method = oc_text_of(request->method), scheme = target->scheme;
    return request_set_method(*made, case_of(method, METHODS, COUNT(METHODS)), method.bytes, method.length) == 0 &&
           request_set_scheme(*made, 1, case_of(scheme, SCHEMES, COUNT(SCHEMES)), scheme.bytes, scheme.length) == 0 &&
           request_set_authority(*made, 1, target->authority.bytes, target->authority.length) == 0 &&
           request_set_path(*made, 1, target->path.bytes, target->path.length) == 0;
}

// The names of error codes that are treated apart; see the list in the WIT.
enum {
    IP_PROHIBITED = 4,
    TERMINATED = 7,
    READ_TIMEOUT = 9,
    LIMIT_REACHED = 11,
    REQUEST_DENIED = 15,
    REQUEST_BODY_SIZE = 17,
    METHOD_INVALID = 18,
    URI_TOO_LONG = 20,
    REQUEST_TRAILER_SIZE = 24,
    RESPONSE_INCOMPLETE = 25,
    RESPONSE_TRAILER_SIZE = 30,
    RESPONSE_TIMEOUT = 33,
    PROTOCOL_ERROR = 35,
    INTERNAL_ERROR = 38,
};

// `wasi:http` has no place for the host's codes, so a refusal's code travels in the text of `internal-error`, as `E_CODE: reason`.
static oc_result http_error(const oc_request *request, const error_code *error) {
    const char *url = request->url;
    int kind = error->kind;
    bool is_safe = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (kind == REQUEST_DENIED) {
        return oc_denied("E_POLICY_DENY", oc_format("the request to `%s` was refused", url).bytes);
    }
    if (kind == IP_PROHIBITED) {
        return oc_denied("E_NET_ADDR", oc_format("`%s` has an address that may not be reached", url).bytes);
    }
    if (kind == INTERNAL_ERROR) {
        oc_text text = error->has_text ? error->text : oc_text_of("no reason given");
        size_t code = strspn(text.bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (strncmp(text.bytes, "E_", 2) == 0 && code > 2 && strncmp(text.bytes + code, ": ", 2) == 0) {
            return oc_denied(oc_format("%.*s", (int)code, text.bytes).bytes, text.bytes + code + 2);
        }
        return oc_error(OC_FAILED, "the request to `%s` failed: %s", url, text.bytes);
    }
    if (kind >= METHOD_INVALID && kind <= URI_TOO_LONG) {
        return oc_error(OC_INVALID_ARGUMENTS, "the request to `%s` is malformed", url);
    }
    bool is_limit = kind == LIMIT_REACHED || (kind >= REQUEST_BODY_SIZE && kind <= REQUEST_TRAILER_SIZE) ||
                    (kind > RESPONSE_INCOMPLETE && kind <= RESPONSE_TRAILER_SIZE);
    if (is_limit) {
        return oc_error(OC_LIMIT, "the request to `%s` reached a limit (code %d of `wasi:http`)", url, kind);
    }
    bool is_lost = kind == TERMINATED || kind == READ_TIMEOUT || kind == RESPONSE_INCOMPLETE ||
                   kind == RESPONSE_TIMEOUT || kind == PROTOCOL_ERROR;
    if (is_lost && !is_safe) {
        return oc_failed_after_sending(oc_format("`%s` may have got the request, but gave no answer", url).bytes);
    }
    return oc_error(OC_UNAVAILABLE, "`%s` cannot be reached (code %d of `wasi:http`)", url, kind);
}

static oc_result send_body(const oc_request *request, int32_t body) {
    if (request->body.length > 0) {
        handle_result stream;
        body_write(body, &stream);
        for (size_t at = 0; at < request->body.length; at += WRITE_BYTES) {
            size_t rest = request->body.length - at;
            stream_result written;
            stream_write(stream.handle, request->body.bytes + at, rest < WRITE_BYTES ? rest : WRITE_BYTES, &written);
            if (written.is_error) {
                // The server may answer before it has read everything; that answer counts.
                break;
            }
        }
        output_drop(stream.handle);
    }
    http_result finished;
    body_finish(body, 0, 0, &finished);
    return finished.is_error ? http_error(request, &finished.error) : oc_done(oc_text_of(""));
}

static oc_result read_body(const oc_request *request, int32_t stream, oc_response *response) {
    size_t most = request->max_body_bytes == 0 ? DEFAULT_BODY_BYTES : request->max_body_bytes;
    oc_buffer body = {0};
    while (body.length <= most) {
        stream_result read;
        stream_read(stream, CHUNK_BYTES, &read);
        if (!read.is_error) {
            oc_put(&body, read.bytes.bytes, read.bytes.length);
            continue;
        }
        if (!read.is_closed) {
            http_result code;
            http_error_code(read.error, &code);
            error_code incomplete = {.kind = RESPONSE_INCOMPLETE};
            return http_error(request, code.is_error ? &code.error : &incomplete);
        }
        response->body = oc_finish(&body);
        return oc_done(oc_text_of(""));
    }
    body.length = most;
    response->body = oc_finish(&body);
    response->cut = true;
    return oc_done(oc_text_of(""));
}

oc_result oc_http(const oc_request *request, oc_response *response) {
    target target;
    if (!cut(request->url, &target)) {
        return oc_error(OC_INVALID_ARGUMENTS, "`%s` is not an absolute URL", request->url);
    }
    int32_t made;
    if (!make_request(request, &target, &made)) {
        return oc_error(OC_INVALID_ARGUMENTS, "the request to `%s` is malformed", request->url);
    }
    handle_result body, stream;
    http_result sent;
    request_body(made, &body);
    handler_handle(made, 0, 0, &sent);
    if (sent.is_error) {
        return http_error(request, &sent.error);
    }
    OC_TRY(send_body(request, body.handle));
    int32_t ready = future_subscribe(sent.handle);
    pollable_block(ready);
    pollable_drop(ready);
    future_result answered;
    future_get(sent.handle, &answered);
    future_drop(sent.handle);
    if (answered.answer.is_error) {
        return http_error(request, &answered.answer.error);
    }
    int32_t answer = answered.answer.handle;
    *response = (oc_response){.status = response_status(answer)};
    response_consume(answer, &body);
    body_stream(body.handle, &stream);
    oc_result read = read_body(request, stream.handle, response);
    input_drop(stream.handle);
    body_drop(body.handle);
    response_drop(answer);
    return read;
}
