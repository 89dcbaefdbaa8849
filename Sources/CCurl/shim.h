#include <curl/curl.h>

// Swift cannot call functions that take any number of arguments, and these are macros besides.
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

typedef size_t (*decant_curl_taker)(char *bytes, size_t size, size_t count, void *taker);

static inline CURLcode decant_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode decant_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode decant_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode decant_curl_set_taker(CURL *handle, CURLoption option, decant_curl_taker value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode decant_curl_number(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode decant_curl_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode decant_curl_text(CURL *handle, CURLINFO info, char **value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode decant_curl_pointer(CURL *handle, CURLINFO info, void **value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode decant_curl_set_multi_number(CURLM *handle, CURLMoption option, long value) {
  return curl_multi_setopt(handle, option, value);
}

// The result of a transfer, which lies in a union.
static inline CURLcode decant_curl_result(const CURLMsg *message) { return message->data.result; }
