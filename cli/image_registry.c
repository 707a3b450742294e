/* SPDX-License-Identifier: Apache-2.0 */
#include "image_registry.h"

#include "image_ask.h"
#include "messages.h"

struct ch_registry_options ch_image_registry(const struct ch_image_common *common)
{
	return (struct ch_registry_options){
		.flags = (common->auth ? CH_REGISTRY_AUTH : 0) |
			 (common->password_many ? CH_REGISTRY_FORGET : 0) |
			 (common->tls_no_verify ? CH_REGISTRY_NO_VERIFY : 0),
		.ask = ch_image_ask,
	};
}

struct ch_pull_options ch_image_pull_options(const struct ch_image_common *common,
					     struct ch_store *store, struct ch_image_asked *asked)
{
	struct ch_registry_options registry = ch_image_registry(common);

	registry.context = common->password_many ? NULL : asked;
	return (struct ch_pull_options){
		.store = store,
		.registry = registry,
		.arch = common->arch,
		.anew = common->always_download,
		.teller = ch_messages,
	};
}
