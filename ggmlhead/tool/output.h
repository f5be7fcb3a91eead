#pragma once

#include <cstdint>
#include <string>
#include <vector>

// Writes values as little-endian uint32 to path: to a temporary file beside it first, renamed when complete, so that
// path is either absent (or what it was) or whole. Ended by SIGINT or SIGTERM it removes the temporary file and the
// process dies by that signal. Throws std::runtime_error.
void flash_head_tool_write(const std::string & path, const std::vector<uint32_t> & values);
