#pragma once

// For libraries that meet their ggml at run time.

// Whether the ggml of this process lays out ggml_tensor as the headers of this library's build do.
bool flash_head_same_layout();
