#pragma once

// For libraries that meet their ggml only when they are loaded.

// Whether the ggml of this process lays out a tensor as this library was compiled to see it.
bool flash_head_same_layout();
