# The sources of FlashHead by part. Every target that compiles some of them, in llama.cpp's tree or in the plug-in's
# project, includes this file, so that a new source is named once.

set(FLASH_HEAD_DIR ${CMAKE_CURRENT_LIST_DIR})

function(flash_head_sources name folder)
    list(TRANSFORM ARGN PREPEND ${FLASH_HEAD_DIR}/${folder}/ OUTPUT_VARIABLE sources)
    set(${name} ${sources} PARENT_SCOPE)
endfunction()

# the kernel; FLASH_HEAD_ESTIMATE is what estimates, for tests of parts
flash_head_sources(FLASH_HEAD_ESTIMATE core
    flash-head-codes.cpp
    flash-head-codes-arm.cpp
    flash-head-codes-avx512.cpp
    flash-head-codes-x86.cpp
    flash-head-group.cpp
    flash-head-group-arm.cpp
    flash-head-group-x86.cpp)
flash_head_sources(FLASH_HEAD_KERNEL core
    flash-head.cpp
    flash-head-centroids.cpp
    flash-head-clusters.cpp
    flash-head-mass.cpp
    flash-head-select.cpp
    flash-head-tokens.cpp)
list(APPEND FLASH_HEAD_KERNEL ${FLASH_HEAD_ESTIMATE})

# the dense product for several rows
flash_head_sources(FLASH_HEAD_DENSE core
    flash-head-dense.cpp
    flash-head-dense-arm.cpp
    flash-head-dense-avx512.cpp
    flash-head-dense-x86.cpp)

# how centroids and codes lie in memory, for those who make them
flash_head_sources(FLASH_HEAD_LAYOUT core
    flash-head-centroids-group.cpp
    flash-head-codes-pack.cpp
    flash-head-make.cpp
    flash-head-make-arm.cpp
    flash-head-make-avx512.cpp
    flash-head-make-x86.cpp)

if (WIN32)
    set(FLASH_HEAD_SYSTEM windows)
else()
    set(FLASH_HEAD_SYSTEM posix)
endif()

# what a load needs: the map in the file or beside it, settings, derived data
flash_head_sources(FLASH_HEAD_MAPPING model flash-head-mapping-${FLASH_HEAD_SYSTEM}.cpp)
flash_head_sources(FLASH_HEAD_MODEL model
    flash-head-build.cpp
    flash-head-encode.cpp
    flash-head-encoder.cpp
    flash-head-keys.cpp
    flash-head-map.cpp
    flash-head-map-file.cpp
    flash-head-map-path.cpp
    flash-head-max-rows.cpp
    flash-head-settings.cpp
    flash-head-stream.cpp)
list(APPEND FLASH_HEAD_MODEL ${FLASH_HEAD_LAYOUT} ${FLASH_HEAD_MAPPING})
flash_head_sources(FLASH_HEAD_RUNTIME model
    flash-head-pages.cpp
    flash-head-statistics.cpp)
flash_head_sources(FLASH_HEAD_LAYOUT_OF_GGML model flash-head-layout.cpp)

# the op in ggml; CUDA's, HIP's and MUSA's sources are ggml/cuda/*.cu
flash_head_sources(FLASH_HEAD_OP    ggml/op    ggml-flash-head.c)
flash_head_sources(FLASH_HEAD_CPU   ggml/cpu   flash-head-cpu.cpp)
flash_head_sources(FLASH_HEAD_CONFIRM core flash-head-confirm.cpp)
list(APPEND FLASH_HEAD_CPU ${FLASH_HEAD_DENSE} ${FLASH_HEAD_CONFIRM})
flash_head_sources(FLASH_HEAD_METAL ggml/metal ggml-metal-flash-head.cpp)
flash_head_sources(FLASH_HEAD_RPC   ggml/rpc   flash-head-rpc.cpp)

# hosts
flash_head_sources(FLASH_HEAD_LLAMA hosts/llama
    llama-flash-head-active.cpp
    llama-flash-head-device.cpp
    llama-flash-head-keys.cpp
    llama-flash-head-load.cpp
    llama-flash-head-rewrite.cpp
    llama-flash-head-rows.cpp)
flash_head_sources(FLASH_HEAD_SERVER hosts/server
    flash-head-pace.cpp
    flash-head-window.cpp)
flash_head_sources(FLASH_HEAD_FILES hosts/plugin flash-head-files.cpp)
flash_head_sources(FLASH_HEAD_PLUGIN hosts/plugin
    flash-head-backend.cpp
    flash-head-buffer.cpp
    flash-head-host.cpp
    flash-head-host-check.cpp
    flash-head-host-versions.cpp
    flash-head-model.cpp
    flash-head-product.cpp
    flash-head-weight.cpp)
list(APPEND FLASH_HEAD_PLUGIN ${FLASH_HEAD_FILES})
flash_head_sources(FLASH_HEAD_SAMPLING sampling
    flash-head-sampling.cpp
    flash-head-shortlist.cpp)

# the program llama-flashhead
flash_head_sources(FLASH_HEAD_CLUSTER tool/cluster
    assign.cpp
    duplicates.cpp
    kmeans.cpp
    matmul.cpp
    pool.cpp
    rows.cpp
    search.cpp)
flash_head_sources(FLASH_HEAD_CALIBRATE tool/calibrate
    calibrate.cpp
    cholesky.cpp
    directions.cpp
    divergence.cpp
    estimator.cpp
    jacobi.cpp
    products.cpp
    records.cpp
    subspace.cpp
    weight.cpp)
flash_head_sources(FLASH_HEAD_TOOL tool
    run.cpp
    calibrate.cpp
    centroids.cpp
    cluster.cpp
    flags.cpp
    input.cpp
    json.cpp
    output.cpp
    progress.cpp)
