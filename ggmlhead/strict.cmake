# FLASH_HEAD_WARNINGS makes warnings errors. For those who change FlashHead: other compilers know other warnings.

set(FLASH_HEAD_WARNINGS -Wall -Wextra -Werror)
