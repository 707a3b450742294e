#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run without a COMMAND: ENTRYPOINT and CMD of the image
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	no_command="error: image '$tmp/image[^']*': the image has neither ENTRYPOINT nor CMD: name a command"
}
teardown() { ch_teardown; }

# says FILE TEXT: image $tmp/image, with only this file of metadata; and $tmp/image.sqfs
says() {
	[[ -e $tmp/image ]] || copy_image "$tmp/image"
	rm -rf "$tmp/image/ch" "$tmp/image.sqfs"
	mkdir "$tmp/image/ch"
	printf '%s\n' "$2" >"$tmp/image/ch/$1"
	own "$tmp/image"
	squash "$tmp/image" "$tmp/image.sqfs"
	made=("$tmp/image" "$tmp/image.sqfs")
}

@test "the image's ENTRYPOINT and CMD: omitted, -, and - with arguments" {
	local image

	for image in "${both[@]}"; do
		inside $'entry: only-in-image\nonly-in-image tiny' --set-env "$image"
		inside $'entry: only-in-image\nonly-in-image tiny' --set-env "$image" --
		inside $'entry: only-in-image\nonly-in-image tiny' --set-env "$image" -
		inside $'entry: only-in-image\nonly-in-image tiny' "$image" --set-env -- -
		inside $'entry: echo a  b c\na  b c' "$image" -- - echo 'a  b' c
		inside $'entry: echo -v\n-v' "$image" -- - echo -v
	done
}

@test "an explicit COMMAND is run alone" {
	local image

	for image in "${both[@]}"; do
		inside x "$image" -- echo x
		inside -- "$image" -- echo --
	done
}

@test "the command is looked up in the environment that was asked for, and run where it was" {
	says metadata.json '{"entrypoint": ["pwd"]}'
	inside /etc -c /etc "$tmp/image"
	says metadata.json '{"cmd": "echo $A $CH_RUNNING", "env": {"A": "of the image"}}'
	inside "of the image Weird Al Yankovic" --set-env "$tmp/image"
	inside "Weird Al Yankovic" "$tmp/image"
}

@test "lists are words, texts are for a shell" {
	local image

	says metadata.json '{"entrypoint": ["echo", "$HOME  x", "", "y"], "cmd": ["c"]}'
	for image in "${made[@]}"; do
		inside '$HOME  x  y c' "$image"
		inside '$HOME  x  y a b' "$image" -- - a b
	done
	says metadata.json '{"entrypoint": "echo $HOME  \"$0\" \"$@\"", "cmd": ["c", "d  e"]}'
	for image in "${made[@]}"; do
		inside '/root c d  e' "$image"
		inside '/root a b  c' "$image" -- - a 'b  c'
	done
	says metadata.json '{"entrypoint": ["echo"], "cmd": "c d"}'
	inside '/bin/sh -c c d' "$tmp/image"
	says metadata.json '{"cmd": "echo c; exit 7", "entrypoint": []}'
	run_ch "$tmp/image"
	assert_equal "$status $output$stderr" "7 c"
	inside x "$tmp/image" -- - echo x
}

@test "SHELL decides which shell" {
	says metadata.json '{"cmd": "echo $0 $-", "shell": ["/bin/busybox", "sh", "-uc"]}'
	inside "sh uc" "$tmp/image"
	says metadata.json '{"cmd": "x", "shell": ["echo", "shell"]}'
	inside "shell x" "$tmp/image"
}

@test "a configuration of Docker" {
	says config.pulled.json '{"config": {"Entrypoint": ["echo", "e"], "Cmd": ["c"]}}'
	inside "e c" "$tmp/image.sqfs"
	inside "e a" "$tmp/image.sqfs" -- - a
	says config.pulled.json '{"config": {"Entrypoint": "env", "Cmd": null}}'
	run_ch "$tmp/image"
	assert_equal "$status$stderr" 0
	assert_match "$output" CH_RUNNING
	says config.pulled.json '{"config": {"Cmd": ["/bin/sh", "-c", "echo $((1+1))"]}}'
	inside 2 "$tmp/image"
}

@test "what ch-image says wins over what was pulled" {
	local config='{"config": {"Entrypoint": ["echo", "pulled"], "Cmd": ["c"], "Env": ["A=pulled"]}}'

	says metadata.json '{"arch": "amd64", "history": []}'
	echo "$config" >"$tmp/image/ch/config.pulled.json"
	inside "pulled c" "$tmp/image"
	inside pulled --set-env "$tmp/image" -- sh -c 'echo $A'
	says metadata.json '{"cmd": ["echo", "mine"], "env": {"A": "mine"}}'
	echo "$config" >"$tmp/image/ch/config.pulled.json"
	inside mine "$tmp/image"
	inside mine --set-env "$tmp/image" -- sh -c 'echo $A'
	# The file of variables has the last word.
	echo A=file >"$tmp/image/ch/environment"
	inside file --set-env "$tmp/image" -- sh -c 'echo $A'
	says metadata.json '{"entrypoint": []}'
	echo "$config" >"$tmp/image/ch/config.pulled.json"
	refused 31 "$no_command" "$tmp/image"
}

@test "neither of them, and no argument: 31, one line" {
	local image text

	for text in '{}' '{"entrypoint": [], "cmd": []}' '{"entrypoint": null}'; do
		says metadata.json "$text"
		for image in "${made[@]}"; do
			refused 31 "$no_command" "$image"
			refused 31 "$no_command" "$image" -
			inside x "$image" -- - echo x
		done
	done
	says environment A=1
	refused 31 "$no_command" "$tmp/image"
	inside x "$tmp/image" -- - echo x
}

@test "a command of the image that is not there: 49" {
	says metadata.json '{"entrypoint": ["missing"], "cmd": ["x"]}'
	refused 49 "execute 'missing' in the container: No such file" "$tmp/image"
	says metadata.json '{"entrypoint": [""]}'
	refused 49 "execute '' in the container: No such file" "$tmp/image"
}

@test "metadata that cannot be read: an error for those who want them, and for nobody else" {
	local file why image

	for file in metadata.json config.pulled.json; do
		says "$file" '{"entrypoint": ['
		for image in "${made[@]}"; do
			why="image configuration '/ch/$file': JSON, line 2"
			refused 31 "image '$image': $why" "$image"
			refused 31 "$why" "$image" -- - echo x
			refused 31 "$why" --set-env "$image" -- echo x
			inside x "$image" -- echo x
		done
		says "$file" ''
		: >"$tmp/image/ch/$file"
		refused 31 "image configuration '/ch/$file': empty or too long" "$tmp/image"
		ln -sf /dev/zero "$tmp/image/ch/$file"
		refused 31 "image configuration '/ch/$file': not a regular file" "$tmp/image"
		ln -sf /dev/stdin "$tmp/image/ch/$file"
		refused 31 "image configuration '/ch/$file'" "$tmp/image"
		rm "$tmp/image/ch/$file"
		mkfifo "$tmp/image/ch/$file"
		refused 31 "image configuration '/ch/$file': not a regular file" "$tmp/image"
		rm "$tmp/image/ch/$file"
		head -c 2000000 /dev/zero | tr '\0' ' ' >"$tmp/image/ch/$file"
		refused 31 "image configuration '/ch/$file': empty or too long" "$tmp/image"
		inside x "$tmp/image" -- echo x
	done
}

@test "commands that make no sense: an error for those who want them, and for nobody else" {
	local why="image configuration '/ch/metadata.json': 'cmd' is not a list of texts"

	says metadata.json '{"entrypoint": ["echo"], "cmd": ["a", 5], "env": {"A": "b"}}'
	refused 31 "$why" "$tmp/image"
	inside b --set-env "$tmp/image" -- sh -c 'echo $A'
	says metadata.json '{"cmd": ["echo", "\u001b[31mred\nX"]}'
	run_ch "$tmp/image"
	assert_equal "$status $output" $'0 \e[31mred\nX'
	says metadata.json '{"cmd": ["\u001b[31mred\nX"]}'
	refused 49 "execute '\?\[31mred\?X' in the container" "$tmp/image"
}

@test "long commands pass, and those too long for us are told" {
	says metadata.json "$(printf '{"cmd": ["echo", "%060000d"]}' 0)"
	run_ch "$tmp/image"
	assert_equal "$status ${#output}" "0 60000"
	says metadata.json "$(printf '{"cmd": ["echo", "%070000d"]}' 0)"
	refused 31 "image configuration: environment and commands are longer than 65536 bytes" "$tmp/image"
}

@test "dry-run tells that the image decides" {
	run_ch --dry-run "$dir"
	assert_equal "$status$stderr" 0
	assert_match "$output" $'\ncommand: what the image says$'
	run_ch --dry-run "$dir" -- - a 'b c'
	assert_match "$output" $'\ncommand: what the image says, with arguments \'a\' \'b c\'$'
	run_ch --dry-run "$dir" -- a
	assert_match "$output" $'\ncommand: \'a\'$'
}
