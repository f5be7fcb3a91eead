#pragma once

#include <cstdint>
#include <string>
#include <vector>

// What a run keeps on disk after each iteration, so that another can go on from there. All that follows from it is computed
// again: a resumed run gives the same clusters as one that was never interrupted.
struct fhc_checkpoint {
    int32_t              iteration = 0;    // iterations done, the start's included
    uint64_t             random    = 0;    // of the random numbers, before the new centroids were made
    std::vector<int32_t> cluster;          // of each row that is clustered
    std::vector<double>  objectives;       // [iteration]
    int32_t              n_groups  = 0;    // of centroids, see search.h
    std::vector<uint8_t> centers;          // rows of the groups' centers
};

// The file in folder for the run that key stands for: a digest of all that decides on its result.
std::string fhc_checkpoint_path(const std::string & folder, uint64_t key);

// Writes it, atomically; makes the folder if it is not there. Returns false and sets error.
bool fhc_checkpoint_write(const std::string & path, uint64_t key, const fhc_checkpoint & checkpoint, std::string * error);

// Reads it. Returns false if there is none, it is another run's, or it is not as it was written.
bool fhc_checkpoint_read(const std::string & path, uint64_t key, fhc_checkpoint * checkpoint);

// Mixes n bytes into a digest.
uint64_t fhc_digest(uint64_t digest, const void * data, size_t n);
