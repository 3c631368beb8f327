package openclaw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A node is a part of a JSON Schema.
type node map[string]any

func schemaOf[A any]() json.RawMessage {
	schema, err := json.Marshal(schemaOfType(reflect.TypeFor[A]()))
	if err != nil {
		panic(err)
	}
	return schema
}

func schemaOfType(of reflect.Type) node {
	switch of.Kind() {
	case reflect.String:
		return node{"type": "string"}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Float64:
		return node{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return node{"type": "integer"}
	case reflect.Slice:
		return node{"type": "array", "items": schemaOfType(of.Elem())}
	case reflect.Map:
		if of.Key().Kind() == reflect.String {
			return node{"type": "object", "additionalProperties": schemaOfType(of.Elem())}
		}
	case reflect.Pointer:
		schema := schemaOfType(of.Elem())
		schema["type"] = []any{schema["type"], "null"}
		return schema
	case reflect.Struct:
		return schemaOfStruct(of)
	}
	panic(fmt.Sprintf("openclaw: `%s` has no JSON Schema", of))
}

func schemaOfStruct(of reflect.Type) node {
	members, required := node{}, []string{}
	for index := range of.NumField() {
		field := of.Field(index)
		member := schemaOfType(field.Type)
		if description := field.Tag.Get("description"); description != "" {
			member["description"] = description
		}
		if choices := choices(field); choices != nil {
			member["enum"] = choices
		}
		members[name(field)] = member
		if field.Type.Kind() != reflect.Pointer {
			required = append(required, name(field))
		}
	}
	return node{"type": "object", "properties": members, "required": required, "additionalProperties": false}
}

func name(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "" {
		return field.Name
	}
	return name
}

func choices(field reflect.StructField) []string {
	if enum := field.Tag.Get("enum"); enum != "" {
		return strings.Split(enum, ",")
	}
	return nil
}

// decode reads arguments into a struct; all members that are no pointers must be there, and no others.
func decode(arguments []byte, into any) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(arguments, &given); err != nil {
		return InvalidArguments("the arguments are not a JSON object: %v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(arguments))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return InvalidArguments("the arguments do not fit: %v", err)
	}
	value := reflect.ValueOf(into).Elem()
	for index := range value.NumField() {
		field := value.Type().Field(index)
		text, is := given[name(field)]
		if field.Type.Kind() != reflect.Pointer && (!is || string(text) == "null") {
			return InvalidArguments("the argument `%s` is missing", name(field))
		}
		if choices := choices(field); choices != nil && !slices.Contains(choices, value.Field(index).String()) {
			return InvalidArguments("the argument `%s` must be one of %s", name(field), strings.Join(choices, ", "))
		}
	}
	return nil
}
