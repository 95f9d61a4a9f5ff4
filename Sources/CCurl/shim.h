#pragma once
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/* libcurl's setopt and getinfo are variadic, which Swift cannot call:
   one inline function for each type of argument stands in for them. */

static inline CURLcode regards_curl_set_long(CURL *handle, CURLoption option, long value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_off(CURL *handle, CURLoption option, curl_off_t value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_string(CURL *handle, CURLoption option, const char *value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_pointer(CURL *handle, CURLoption option, void *value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value)
{ return curl_easy_setopt(handle, option, value); }

/* Callbacks: header, write and read functions share one signature. */
typedef size_t (*regards_curl_data_function)(char *data, size_t size, size_t count, void *context);

static inline CURLcode regards_curl_set_data_function(CURL *handle, CURLoption option, regards_curl_data_function value)
{ return curl_easy_setopt(handle, option, value); }

static inline CURLcode regards_curl_set_progress_function(CURL *handle, curl_xferinfo_callback value)
{ return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value); }

static inline CURLcode regards_curl_set_open_socket_function(CURL *handle, curl_opensocket_callback value)
{ return curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, value); }

static inline CURLcode regards_curl_set_close_socket_function(CURL *handle, curl_closesocket_callback value)
{ return curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, value); }

static inline CURLcode regards_curl_set_prereq_function(CURL *handle, curl_prereq_callback value)
{ return curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, value); }

static inline CURLcode regards_curl_get_long(CURL *handle, CURLINFO info, long *value)
{ return curl_easy_getinfo(handle, info, value); }

static inline CURLcode regards_curl_get_off(CURL *handle, CURLINFO info, curl_off_t *value)
{ return curl_easy_getinfo(handle, info, value); }

static inline CURLcode regards_curl_get_pointer(CURL *handle, CURLINFO info, void **value)
{ return curl_easy_getinfo(handle, info, value); }

static inline CURLcode regards_curl_get_socket(CURL *handle, curl_socket_t *value)
{ return curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, value); }

static inline CURLMcode regards_curl_multi_set_long(CURLM *multi, CURLMoption option, long value)
{ return curl_multi_setopt(multi, option, value); }

/* What libcurl wants to be told about its sockets and when. */
static inline CURLMcode regards_curl_multi_set_socket_function(CURLM *multi, curl_socket_callback value, void *context)
{
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return code ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, value);
}

static inline CURLMcode regards_curl_multi_set_timer_function(CURLM *multi, curl_multi_timer_callback value, void *context)
{
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return code ? code : curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, value);
}

/* The result of a finished transfer stands in a union that Swift sees only partly. */
static inline CURLcode regards_curl_message_result(const CURLMsg *message)
{ return message->data.result; }

/* Leaves a resolver thread that does not answer behind (since 7.87); nothing to do before. */
static inline void regards_curl_set_quick_exit(CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)handle;
#endif
}

/* The threads that wait for libcurl's sockets are woken through an eventfd, which Swift's Glibc module lacks. */
static inline int regards_eventfd_make(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline void regards_eventfd_raise(int descriptor) { (void)eventfd_write(descriptor, 1); }
static inline void regards_eventfd_clear(int descriptor) { eventfd_t count; (void)eventfd_read(descriptor, &count); }
/* The calling thread's name, as ps and debuggers show it; the kernel cuts it to 15 bytes. */
static inline void regards_thread_set_name(const char *name) { (void)prctl(PR_SET_NAME, name, 0, 0, 0); }

/* epoll(7), each descriptor under its own number. */
enum { REGARDS_READABLE = 1, REGARDS_WRITABLE = 2, REGARDS_BROKEN = 4 };

struct regards_ready { int descriptor; int flags; };

static inline int regards_epoll_make(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int regards_epoll_set(int epoll, int operation, int descriptor, int flags)
{
    struct epoll_event event = { .data = { .fd = descriptor } };
    event.events = (flags & REGARDS_READABLE ? EPOLLIN : 0) | (flags & REGARDS_WRITABLE ? EPOLLOUT : 0);
    return epoll_ctl(epoll, operation, descriptor, &event);
}

static inline int regards_epoll_add(int epoll, int descriptor, int flags)
{ return regards_epoll_set(epoll, EPOLL_CTL_ADD, descriptor, flags); }

static inline int regards_epoll_change(int epoll, int descriptor, int flags)
{ return regards_epoll_set(epoll, EPOLL_CTL_MOD, descriptor, flags); }

static inline void regards_epoll_remove(int epoll, int descriptor)
{ (void)regards_epoll_set(epoll, EPOLL_CTL_DEL, descriptor, 0); }

/* At most as many as there is room for, and 128. */
static inline int regards_epoll_wait(int epoll, struct regards_ready *ready, int room, int milliseconds)
{
    struct epoll_event events[128];
    int count = epoll_wait(epoll, events, room < 128 ? room : 128, milliseconds);
    for (int index = 0; index < count; index++) {
        ready[index].descriptor = events[index].data.fd;
        ready[index].flags = (events[index].events & (EPOLLIN | EPOLLHUP) ? REGARDS_READABLE : 0)
            | (events[index].events & EPOLLOUT ? REGARDS_WRITABLE : 0)
            | (events[index].events & EPOLLERR ? REGARDS_BROKEN : 0);
    }
    return count;
}
