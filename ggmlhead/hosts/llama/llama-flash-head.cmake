# Adds FlashHead to the target llama; included by llama.cpp's src/CMakeLists.txt.

include(${CMAKE_CURRENT_LIST_DIR}/../../sources.cmake)

set(FLASH_HEAD_IN_LLAMA ${FLASH_HEAD_LLAMA} ${FLASH_HEAD_MODEL} ${FLASH_HEAD_RUNTIME})
target_sources(llama PRIVATE ${FLASH_HEAD_IN_LLAMA})
target_include_directories(llama PRIVATE ${FLASH_HEAD_DIR}/core ${FLASH_HEAD_DIR}/model ${FLASH_HEAD_DIR}/hosts/llama)

# a unity build would put the static functions of several files in one
set_source_files_properties(${FLASH_HEAD_IN_LLAMA} TARGET_DIRECTORY llama PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
