# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# registry.bash - registries for tests, on free ports of 127.0.0.1
#
#     load ../lib/registry
#     teardown() { stop_servers; ch_teardown; }
#
# In setup_file they serve all tests of a file: export what is used, and have stop_servers in
# teardown_file. The user is alice, with the password secret1.
#
#   start_registry [KIND] [DATA]   docker-registry, of KIND "anonymous" (default), "basic", "tls" or
#                    "tls-basic", with its data in the directory DATA (default: one of its own);
#                    sets $registry to HOST:PORT
#   start_token_registry UPSTREAM [OPTION]... [-- FAULT...]   bearer tokens in front of a registry:
#                    see token_server.py; sets $registry and $registry_log
#   start_proxy UPSTREAM [--tls] [--drop N] [FAULT]...   faults in front of a registry: see
#                    fault_proxy.py; sets $proxy to HOST:PORT, and $proxy_log
#   start_forward UPSTREAM [--tls] [--user NAME:PASSWORD] [FAULT]...   a proxy for $http_proxy and
#                    $https_proxy, in front of a registry, which it calls as one likes, like
#                    registry.test: see forward_proxy.py; sets $forward to HOST:PORT, and $forward_log
#   start_layouts DIR   a registry whose images are the OCI layouts in DIR: see serve_layouts.py;
#                    sets $registry
#   start_files DIR  a server of files, by plain HTTP; sets $files to HOST:PORT, and $files_log
#   make_ca          make certificates, once a file: $registry_ca is to be trusted (SSL_CERT_FILE)
#   stop_servers     end all of them
#
# shellcheck disable=SC2034 # variables are for those who load this

# What the caller happens to have set must not decide a test.
unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE REGISTRY_AUTH_FILE DOCKER_CONFIG \
	http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY \
	"${!CH_IMAGE_@}" "${!CH_REGY_@}"

servers_dir()
{
	servers=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/servers
	mkdir -p "$servers"
}

make_ca()
{
	local dir=$BATS_FILE_TMPDIR/ca

	registry_ca=$dir/ca.crt
	registry_cert=$dir/server.crt
	registry_key=$dir/server.key
	[[ ! -e $dir ]] || return 0
	mkdir "$dir"
	(
		umask 022
		exec 2>"$dir/log"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
			-subj "/CN=test authority" -keyout "$dir/ca.key" -out "$registry_ca"
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
			-subj "/CN=localhost" -keyout "$registry_key" -out "$dir/server.csr"
		openssl x509 -req -in "$dir/server.csr" -CA "$registry_ca" -CAkey "$dir/ca.key" \
			-CAcreateserial -days 30 -out "$registry_cert" \
			-extfile <(echo "subjectAltName=DNS:localhost,DNS:registry.test,DNS:registry.example.com,IP:127.0.0.1")
		chmod 755 "$dir" "$BATS_FILE_TMPDIR"
	) || fail "certificates:" "$(cat "$dir/log")"
}

# launch NAME COMMAND...: in the background, its output in $servers/NAME.log
launch()
{
	local name=$1

	shift
	"$@" >"$servers/$name.log" 2>&1 3>&- &
	echo $! >>"$servers/pids"
}

# wait_port COMMAND...: sets $port to what it prints, as soon as it prints something
wait_port()
{
	local end=$((SECONDS + 20))

	while ! port=$("$@") || [[ ! $port ]]; do
		((SECONDS < end)) || fail "a server does not start:" "$(tail -n 5 "$servers"/*.log)" ||
			return
		sleep 0.05
	done
}

logged_port()
{
	sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$1" | head -n 1
}

# The lines of a configuration for KIND
registry_config()
{
	local kind=$1 data=$2

	printf '%s\n' 'version: 0.1' 'log: {level: info, accesslog: {disabled: true}}' \
		"storage: {filesystem: {rootdirectory: $data}, delete: {enabled: true}}" \
		'http:' '  addr: 127.0.0.1:0' '  secret: x'
	[[ $kind != tls* ]] || printf '  tls: {certificate: %s, key: %s}\n' "$registry_cert" "$registry_key"
	[[ $kind != *basic ]] || printf 'auth: {htpasswd: {realm: test, path: %s}}\n' "$servers/htpasswd"
}

start_registry()
{
	local kind=${1-anonymous} data=${2-} name port

	servers_dir
	name=registry$RANDOM
	data=${data:-$servers/$name}
	[[ $kind != tls* ]] || make_ca || return
	[[ $kind != *basic ]] || htpasswd -Bbc -C 4 "$servers/htpasswd" alice secret1 2>"$servers/htpasswd.log"
	registry_config "$kind" "$data" >"$servers/$name.yml"
	launch "$name" docker-registry serve "$servers/$name.yml"
	wait_port logged_port "$servers/$name.log" || return
	registry=127.0.0.1:$port
}

# launch_python PROGRAM [OPTION]... -- UPSTREAM [FAULT]...: see fault_proxy.py; sets $port and $log
launch_python()
{
	local program=$1 name=proxy$RANDOM options=()

	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	log=$servers/$name.requests
	: >"$log"
	launch "$name" "$top/tests/lib/$program" --log "$log" "${options[@]}" \
		"$servers/$name.port" "$@"
	wait_port cat "$servers/$name.port" 2>/dev/null
}

start_token_registry()
{
	local upstream=$1 port log options=()

	shift
	while (($#)) && [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	servers_dir
	launch_python token_server.py "${options[@]}" -- "$upstream" "${@:2}" || return
	registry=127.0.0.1:$port registry_log=$log
}

# In front of UPSTREAM; sets $port and $log, which are the caller's.
launch_proxy() {	# PROGRAM UPSTREAM [--tls] [OPTION VALUE]... [FAULT]...
	local program=$1 upstream=$2 options=()

	shift 2
	servers_dir
	if [[ ${1-} == --tls ]]; then
		make_ca || return
		options=(--cert "$registry_cert" --key "$registry_key")
		shift
	fi
	while [[ ${1-} == --* ]]; do
		options+=("$1" "$2")
		shift 2
	done
	launch_python "$program" "${options[@]}" -- "$upstream" "$@"
}

start_proxy()
{
	local port log

	launch_proxy fault_proxy.py "$@" || return
	proxy=127.0.0.1:$port proxy_log=$log
}

start_forward()
{
	local port log

	launch_proxy forward_proxy.py "$@" || return
	forward=127.0.0.1:$port forward_log=$log
}

start_layouts()
{
	local name=layouts$RANDOM port

	servers_dir
	launch "$name" python3 "$top/tests/lib/serve_layouts.py" "$1" "$servers/$name.port"
	wait_port cat "$servers/$name.port" 2>/dev/null || return
	registry=127.0.0.1:$port
}

start_files()
{
	local name=files$RANDOM port

	servers_dir
	files_log=$servers/$name.log
	launch "$name" /usr/bin/python3 -u -m http.server --bind 127.0.0.1 --directory "$1" 0
	wait_port sed -n 's/^Serving HTTP on .* port \([0-9]*\) .*/\1/p' "$files_log" || return
	files=127.0.0.1:$port
}

stop_servers()
{
	local pid

	servers_dir
	[[ -e $servers/pids ]] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
		while kill -0 "$pid" 2>/dev/null; do
			sleep 0.02
		done
	done <"$servers/pids"
	rm -f "$servers/pids"
}
