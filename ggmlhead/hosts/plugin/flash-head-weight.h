#pragma once

// The weight of a head in memory, with its rows in cluster order.

#include "flash-head-model.h"
#include "flash-head-statistics.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

struct flash_head_weight {
    std::shared_ptr<const flash_head_model> model;

    uint8_t              * rows = nullptr;    // [n_vocab][row_size bytes], by cluster; in the buffer that owns this
    size_t                 row_size = 0;
    std::vector<uint8_t>   centroids;         // [n_cluster] rows of the type that the settings name, or in groups
    bool                   grouped = false;   // the latter (flash-head-centroids.h)
    std::vector<uint8_t>   coarse, fine;      // of the codes (flash-head-codes.h), or none
    std::vector<float>     basis;

    std::mutex             mutex;
    std::atomic<bool>      ready   = {false}; // centroids and codes belong to rows
    std::atomic<bool>      differs = {false}; // the loaded rows differ from those in the file
    std::atomic<bool>      foreign = {false}; // the map file was not made for these rows: dense from now on
    std::atomic<bool>      failed  = {false}; // no memory for centroids or codes: dense from now on
    std::atomic<bool>      lora    = {false}; // an adapter changes this head, in graphs that do not show it
    std::atomic<bool>      lora_said = {false}; // logged
    std::atomic<bool>      said    = {false}; // logged as active

    std::unique_ptr<flash_head_statistics> statistics; // or nullptr: not asked for

    flash_head_weight(std::shared_ptr<const flash_head_model> model, void * rows);
};

// Writes or reads size bytes at offset of the weight, addressed in token order.
// The write that completes the weight prepares it for computing.
void flash_head_weight_set(flash_head_weight & weight, const void * data, size_t offset, size_t size);
void flash_head_weight_get(const flash_head_weight & weight, void * data, size_t offset, size_t size);

// Computes centroids and codes if rows were written since the last time. Sets failed if there is no memory for them.
void flash_head_weight_prepare(flash_head_weight & weight);

// Logs once that an adapter changes the head.
void flash_head_weight_say_lora(flash_head_weight & weight);

// What is active, for the log.
std::string flash_head_weight_summary(const flash_head_weight & weight);
