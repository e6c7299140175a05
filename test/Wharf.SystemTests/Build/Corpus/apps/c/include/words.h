int count_words(int (*next)(void));
