# Makes one source of flash_head.metal: each #include of ours is replaced by what it includes. Those of ggml-metal stay, which knows what to do
# with them. Sets FLASH_HEAD_METAL_SOURCE to its path, in the present binary folder.

set(FLASH_HEAD_METAL_SOURCE ${CMAKE_CURRENT_BINARY_DIR}/flash_head.metal)

set(FLASH_HEAD_METAL_FILES ${CMAKE_CURRENT_LIST_DIR}/flash_head.metal)
file(READ ${CMAKE_CURRENT_LIST_DIR}/flash_head.metal FLASH_HEAD_METAL_TEXT)
foreach(header flash-head-kargs.h flash-head-rows.h flash-head-keys.h flash-head-best.h flash-head-query.h flash-head-estimate.h)
    list(APPEND FLASH_HEAD_METAL_FILES ${CMAKE_CURRENT_LIST_DIR}/${header})
    file(READ ${CMAKE_CURRENT_LIST_DIR}/${header} text)
    string(REPLACE "#pragma once\n" "" text "${text}")
    string(REPLACE "#include \"${header}\"\n" "${text}" FLASH_HEAD_METAL_TEXT "${FLASH_HEAD_METAL_TEXT}")
endforeach()
file(CONFIGURE OUTPUT ${FLASH_HEAD_METAL_SOURCE} CONTENT "${FLASH_HEAD_METAL_TEXT}" @ONLY) # not touched if it is the same
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FLASH_HEAD_METAL_FILES})
