#include "words.h"
#include <ctype.h>

int count_words(int (*next)(void))
{
    int count = 0, inside = 0, c;
    while ((c = next()) >= 0) {
        if (isspace(c)) inside = 0;
        else if (!inside) inside = 1, count++;
    }
    return count;
}
