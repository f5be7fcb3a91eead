#pragma once

// Single values of a GGUF file's metadata. Safe for hostile files.

#include "gguf.h"

#include <stdint.h>
#include <string>

// Reads the value under key. Returns false and names the key in error if it is missing or of another type.
bool flash_head_key_u32(const gguf_context * gguf, const char * key, uint32_t & out, std::string & error);
bool flash_head_key_u64(const gguf_context * gguf, const char * key, uint64_t & out, std::string & error);
bool flash_head_key_string(const gguf_context * gguf, const char * key, std::string & out, std::string & error);

// Text from a file, for a log: one short line without control characters.
std::string flash_head_printable(const std::string & text);
