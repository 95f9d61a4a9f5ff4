#pragma once
#include <curl/curl.h>

/* libcurl's setopt and getinfo are variadic, which Swift cannot call:
   one inline function for each type of argument stands in for them. */

static inline CURLcode regards_curl_set_long(CURL *handle, CURLoption option, long value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_string(CURL *handle, CURLoption option, const char *value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_pointer(CURL *handle, CURLoption option, void *value)
{ return curl_easy_setopt(handle, option, value); }
