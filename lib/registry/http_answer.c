/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http_answer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/http.h"

enum {
	HEADER_MAX = 16 * 1024, /* bytes of one that is looked at */
	CHALLENGES_MAX = 16,
	WAIT_MAX = 24 * 60 * 60, /* seconds */
};

static char *copy_header(CURL *c, const char *name)
{
	struct curl_header *h;

	if (curl_easy_header(c, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK ||
	    strlen(h->value) > HEADER_MAX)
		return NULL;
	return strdup(h->value);
}

static void copy_challenges(CURL *c, struct ch_words *ret)
{
	struct curl_header *h;

	for (size_t i = 0; i < CHALLENGES_MAX; i++) {
		if (curl_easy_header(c, "WWW-Authenticate", i, CURLH_HEADER, -1, &h) != CURLHE_OK)
			return;
		if (strlen(h->value) <= HEADER_MAX)
			ch_words_add(ret, h->value);
	}
}

void ch_http_answer_read(void *easy, struct ch_http_answer *ret)
{
	CURL *c = easy;
	curl_off_t wait = 0, length = -1, modified = -1;
	long status = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &wait);
	curl_easy_getinfo(c, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl_easy_getinfo(c, CURLINFO_FILETIME_T, &modified);
	ret->status = (int)status;
	ret->wait = wait < 0 ? 0 : wait < WAIT_MAX ? (uint64_t)wait : WAIT_MAX;
	ret->length = length;
	ret->modified = (time_t)modified;
	ret->type = copy_header(c, "Content-Type");
	if (ret->type)
		ret->type[strcspn(ret->type, "; ")] = '\0';
	ret->location = copy_header(c, "Location");
	ret->range = copy_header(c, "Range");
	ret->digest = copy_header(c, "Docker-Content-Digest");
	copy_challenges(c, &ret->challenges);
}

void ch_http_answer_done(struct ch_http_answer *answer)
{
	free(answer->type);
	free(answer->location);
	free(answer->range);
	free(answer->digest);
	ch_words_done(&answer->challenges);
	ch_buf_done(&answer->text);
	*answer = (struct ch_http_answer){ 0 };
}

int ch_http_code(int code, bool *ret_may_pass)
{
	*ret_may_pass = true;
	switch ((CURLcode)code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return -EHOSTUNREACH;
	/* It speaks no TLS, or it was cut off while it did. */
	case CURLE_SSL_CONNECT_ERROR:
		return -EPROTONOSUPPORT;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
		return -ECONNRESET;
	default:
		break;
	}
	*ret_may_pass = false;
	switch ((CURLcode)code) {
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_ABORTED_BY_CALLBACK:
		return -ECANCELED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return -EKEYREJECTED;
	default:
		return -EPROTO;
	}
}
