// What the files of the SDK share: the forms that the canonical ABI of the component model gives what crosses the border.

#ifndef OPENCLAW_HOST_H
#define OPENCLAW_HOST_H

#include "openclaw.h"

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

// A list of anything.
typedef struct {
    const void *items;
    size_t count;
} oc_list;

// `openclaw:types/types.error`, as it lies in a result
typedef struct {
    uint8_t kind;
    union {
        oc_text text;
        struct {
            oc_text code, reason;
        } denied;
    };
} oc_host_error;

// The tool's error for one of the host: the same kind, and for refusals the same code.
oc_result oc_error_of(const oc_host_error *error);
// The texts of a list of words that ends with NULL; of NULL, none.
oc_list oc_words(const char *const *words);
// Memory, or the end of the instance.
void *oc_room_for(size_t bytes);

#endif
