#include "words.h"
#include <stdio.h>

int main(void)
{
    printf("%d words\n", count_words(getchar));
    return 0;
}
