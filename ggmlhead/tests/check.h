#pragma once

// Counts checks and prints the failed ones; the last line of a test program is 'N passed, N failed'.

#include <stdarg.h>
#include <stdio.h>

struct checker {
    int passed = 0;
    int failed = 0;

    // counts one check; on failure prints the message
    bool operator()(bool ok, const char * fmt, ...) __attribute__((format(printf, 3, 4))) {
        ok ? passed++ : failed++;
        if (!ok) {
            va_list args;
            va_start(args, fmt);
            printf("FAIL ");
            vprintf(fmt, args);
            printf("\n");
            va_end(args);
        }
        return ok;
    }

    // prints the closing line; returns the program's exit code
    int finish() const {
        printf("%d passed, %d failed\n", passed, failed);
        return failed == 0 ? 0 : 1;
    }
};
