int decant_placeholder(void);
