#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: ADD of URLs, and list of what a registry has
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry

teardown() {
	stop_servers
	ch_teardown
}

# Files to serve: $www
make_files() {
	www=$tmp/www
	mkdir "$www" "$www/sub"
	echo hello >"$www/a file"
	touch -d '2020-02-03 04:05:06 UTC' "$www/a file"
	tar -C "$www" -cf "$www/x.tar" sub
	chmod -R a+rX "$www"
	start_files "$www"
	url=http://$files
}

digest() {
	printf 'sha256:%s' "$(sha256sum <"$1" | cut -d ' ' -f 1)"
}

@test "ADD: files by URL: names, modes, times" {
	make_files
	df Dockerfile <<-END
		FROM tiny
		ARG where=$url
		ADD \$where/a%20file?x=y#z /dir/
		ADD $url/a%20file /name
		ADD --chmod=644 $url/a%20file /mode
		ADD Dockerfile $url/x.tar /both/
		ADD $url/a%20file /name
	END
	img build -t one .
	[[ $status == 0 ]] || fail "$stderr"
	run in_image one 'stat -c "%n %a %Y" "/dir/a file" /name /mode; cat /name; ls /both'
	assert_equal "$output" $'/dir/a file 600 1580702706\n/name 600 1580702706\n/mode 644 1580702706\nhello\nDockerfile\nx.tar'
}

@test "ADD: what is at a URL decides whether the result is known" {
	make_files
	printf 'FROM tiny\nADD %s/a%%20file /f\n' "$url" | df Dockerfile
	img build -t one .
	touch "$www/a file"
	img build -t one .
	[[ $status == 0 && $stderr == *'2* ADD'* ]] || fail "$stderr"
	echo other >"$www/a file"
	img build -t one .
	[[ $status == 0 && $stderr == *'2. ADD'* ]] || fail "$stderr"
	assert_equal "$(in_image one 'cat /f')" other
}

@test "ADD: with a checksum, what is known is not downloaded" {
	make_files
	printf 'FROM tiny\nADD --checksum=%s %s/a%%20file /f\n' "$(digest "$www/a file")" "$url" | df Dockerfile
	img build -t one .
	[[ $status == 0 && $stderr == *'2. ADD'* ]] || fail "$stderr"
	: >"$files_log"
	img build -t one .
	[[ $status == 0 && $stderr == *'2* ADD'* ]] || fail "$stderr"
	assert_equal "$(cat "$files_log")" ''
	echo other >"$www/a file"
	fails "get '$url/a%20file': its digest is sha256:.*, not sha256:" --rebuild -t one .
	[[ $stderr == *Dockerfile:2* ]]
	assert_equal "$(as_test ls "$store/tmp")" ''
}

@test "ADD: archives stay as they are, unless --unpack" {
	make_files
	as_test cp "$www/x.tar" "$ctx/x.tar"
	df Dockerfile <<-END
		FROM tiny
		ADD $url/x.tar /a/
		ADD --unpack $url/x.tar /b/
		ADD x.tar /c/
		ADD --unpack=false x.tar /d/
	END
	img build -t one .
	[[ $status == 0 ]] || fail "$stderr"
	run in_image one 'ls -d /[abcd]/*'
	assert_equal "$output" $'/a/x.tar\n/b/sub\n/c/sub\n/d/x.tar'
}

@test "ADD: what cannot be had by URL" {
	local text regex

	make_files
	while IFS='|' read -r text regex; do
		printf 'FROM tiny\n%s\n' "$text" | df Dockerfile
		fails "$regex" -t one .
		assert_equal "$(as_test ls "$store/tmp")" ''
	done <<-END
		ADD $url/none /f|get '$url/none': the server answers: 404
		ADD $url /f/|the URL has no name of a file in it
		ADD http://127.0.0.1:1/x /f|get 'http://127.0.0.1:1/x': .*[Cc]onnect
		ADD ftp://127.0.0.1/x /f|sources have to be files of the context, or at URLs of http
		ADD https://example.com/x.git /f|sources have to be files of the context
		COPY $url/x.tar /f|sources have to be files of the context; see ADD
		ADD --checksum=sha256:0 $url/x.tar /f|has not 64 digits
		ADD --checksum=md5:00 $url/x.tar /f|is not of SHA-256
		ADD --checksum=$(digest "$www/x.tar") Dockerfile /f|--checksum is only for one source that is a URL
		ADD --checksum=$(digest "$www/x.tar") $url/x.tar $url/x.tar /f/|--checksum is only for one
	END
}

@test "ADD: HTTPS, and certificates" {
	make_files
	start_proxy "$files" --tls
	printf 'FROM tiny\nADD https://%s/x.tar /x\n' "$proxy" | df Dockerfile
	fails 'certificate.*; see --tls-no-verify' -t one .
	img --tls-no-verify build -t one .
	[[ $status == 0 ]] || fail "$stderr"
	via+=("SSL_CERT_FILE=$registry_ca")
	img build --rebuild -t one .
	[[ $status == 0 ]] || fail "$stderr"
}

# ---- list --------------------------------------------------------------------------------------

# put_index REPOSITORY TAG PLATFORM...: an index of the image "one" there, for each platform
put_index() {
	python3 - "http://$registry/v2/$1/manifests/" "${@:2}" <<-'END'
		import hashlib, json, sys, urllib.request
		OCI = "application/vnd.oci.image.index.v1+json"
		DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
		url, tag, *platforms = sys.argv[1:]
		request = urllib.request.Request(url + "one", headers={"Accept": DOCKER})
		manifest = urllib.request.urlopen(request).read()
		item = {"mediaType": DOCKER, "digest": "sha256:" + hashlib.sha256(manifest).hexdigest(),
		        "size": len(manifest)}
		index = {"schemaVersion": 2, "mediaType": OCI,
		         "manifests": [item | {"platform": json.loads(p)} for p in platforms]}
		urllib.request.urlopen(urllib.request.Request(
		    url + tag, json.dumps(index).encode(), {"Content-Type": OCI}, method="PUT"))
	END
}

@test "list: an image of a registry, and its architectures" {
	local digest

	start_registry
	img push tiny "$registry/a/b:one"
	digest=$(sed -n 's/^digest: *//p' <<<"$output$stderr")
	put_index a/b many '{"os": "linux", "architecture": "amd64"}' \
		'{"os": "linux", "architecture": "arm", "variant": "v7"}' \
		'{"os": "windows", "architecture": "amd64"}' '{"os": "unknown", "architecture": "unknown"}'

	img list "$registry/a/b:many"
	[[ $status == 0 ]] || fail "$stderr"
	assert_equal "${lines[*]:0:4}" "details of image:    $registry/a/b:many in local storage:    no full remote ref:     $registry/a/b:many available remotely:  yes"
	assert_match "$output" $'remote arch-aware:   yes\nhost architecture:   [a-z0-9/]+\narchs available:     amd64     [0-9a-f]{11}\n                     arm/v7    [0-9a-f]{11}$'
	img list "$registry/a/b:one"
	assert_match "$output" "available remotely:  yes"$'\n'"remote digest:       $digest"$'\n''remote arch-aware:   no'
	img list "$registry/a/b:none"
	[[ $status == 0 ]] || fail "$stderr"
	assert_match "$output" 'available remotely:  no \(registry .*: the server answers: 404, manifest unknown\)'
	img list 127.0.0.1:1/a
	assert_match "$output" 'available remotely:  no \(registry .*[Cc]onnect'
	img import "$dir" "$registry/a/b:one"
	img list "$registry/a/b:one"
	assert_match "$output" $'in local storage:    yes\narchitecture: .*\nfull remote ref:     '
}
