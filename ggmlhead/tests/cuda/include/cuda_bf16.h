#pragma once

struct nv_bfloat16;
struct nv_bfloat162;
