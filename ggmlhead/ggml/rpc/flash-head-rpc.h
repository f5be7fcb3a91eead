#pragma once

// FLASH_HEAD over ggml's RPC: how a client learns that the far side has the op, and what a server takes from a client.
//
// A server of another build closes the connection when it meets an op or a command that it does not know, and that ends
// the client. So the two agree first: HELLO is answered with a patch version, which upstream's clients ignore and in
// which ours is a number of its own. Only a server that says this number is asked, by a command of its own, for single
// heads. The whole protocol is in this folder; ggml-rpc.cpp carries the messages.

#include "ggml-backend.h"

#include <cstdint>
#include <functional>
#include <string>

// What RPC_PROTO_PATCH_VERSION is in our builds. Upstream counts its changes there, from 0 after each change of the
// minor version.
const uint8_t FLASH_HEAD_RPC_PATCH_VERSION = 243;

// The command, far from those that upstream numbers from 0.
const uint8_t FLASH_HEAD_RPC_COMMAND = 240;

#pragma pack(push, 1)
// a head without data; types are enum ggml_type, and mode is enum ggml_flash_head_mode
struct flash_head_rpc_request {
    uint32_t device;        // of the server
    uint32_t weight_type;
    uint32_t centroid_type;
    uint32_t n_embd;
    uint32_t n_vocab;
    uint32_t n_cluster;
    uint32_t n_pinned;      // 0: there is no list of pinned tokens
    uint32_t mode;
    uint32_t n_directions;  // of the codes; 0: there are none, and the next three are 0
    uint32_t coarse_bits;   // a token
    uint32_t fine_bytes;    // a token
    uint32_t biased;        // 1: tokens are chosen by a bias
};

struct flash_head_rpc_response {
    uint8_t supported; // 1: the device would compute such a head
};
#pragma pack(pop)

// Client: whether the server at endpoint, which said patch in its HELLO, would compute op, a FLASH_HEAD tensor, on its
// device. ask sends the request and waits for the response; it is called once for a kind of head, which is remembered.
bool flash_head_rpc_supports(
        const std::string & endpoint, uint8_t patch, uint32_t device, const ggml_tensor * op,
        const std::function<void(const flash_head_rpc_request &, flash_head_rpc_response &)> & ask);

// Server: the answer for one of its devices.
flash_head_rpc_response flash_head_rpc_answer(ggml_backend_dev_t dev, const flash_head_rpc_request & request);

// Server: whether node of a client's graph is safe to compute on dev, as far as that can be told without looking at
// data: any tensor that is no FLASH_HEAD, or one without a flaw of which every source is in the server's memory. Says
// why not, in the log. What the lists hold is trusted, as upstream trusts data.
bool flash_head_rpc_accepts(ggml_backend_dev_t dev, const ggml_tensor * node);
