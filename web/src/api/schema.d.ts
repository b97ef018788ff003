// Written by `make web`. Schema 13a8a3fe21d54b3008a224504001b2d852e751a91e03262d19058505330de748

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Capabilities: {
            features: string[];
            limits: components["schemas"]["RequestLimits"];
            models: components["schemas"]["ModelOut"][];
            output_formats: string[];
            samplers: components["schemas"]["SamplerOut"][];
            schedules: string[];
            unusable_models: components["schemas"]["UnusableModelOut"][];
            upscalers: components["schemas"]["UpscalerOut"][];
        };
        CreateJob: {
            crop?: number[] | null;
            deadline_s?: number | null;
            extend?: {
                bottom?: number;
                left?: number;
                right?: number;
                top?: number;
            } | null;
            guidance_rescale?: number | null;
            guidance_scale?: number | null;
            height?: number | null;
            hires?: {
                height?: number | null;
                scale?: number | null;
                steps?: number | null;
                strength?: number | null;
                upscaler?: string;
                width?: number | null;
            } | null;
            image?: string | null;
            image_guidance_scale?: number | null;
            keep_unmasked?: boolean;
            long_prompt?: boolean;
            mask?: string | null;
            model?: string | null;
            n?: number;
            negative_prompt?: string | null;
            num_inference_steps?: number | null;
            original_size?: number[] | null;
            output_compression?: number | null;
            output_format?: ("png" | "webp" | "jpeg") | null;
            previews?: number;
            /** @enum {string} */
            priority?: "interactive" | "batch";
            prompt: string | string[];
            prompt_matrix?: boolean;
            refiner?: {
                model: string;
                switch_at?: number;
            } | null;
            /** @enum {string} */
            resize_mode?: "crop" | "stretch";
            sampler?: string | null;
            schedule?: string | null;
            seed?: number | null;
            strength?: number | null;
            target_size?: number[] | null;
            webhook?: {
                events?: ("job.started" | "job.succeeded" | "job.failed" | "job.canceled")[];
                url: string;
            } | null;
            width?: number | null;
        };
        DefaultsOut: {
            guidance_scale: number;
            height: number;
            image_guidance_scale: number;
            num_inference_steps: number;
            sampler: string;
            width: number;
        };
        FailureOut: {
            code: string;
            field: string | null;
            message: string;
        };
        ImageOut: {
            height: number;
            index: number;
            mime: string;
            position: number[];
            prompt: string;
            prompt_tokens: components["schemas"]["PromptTokens"] | null;
            seed: number;
            sha256: string;
            size_bytes: number;
            thumbnail_url: string;
            timings: components["schemas"]["TimingsOut"];
            url: string;
            width: number;
        };
        JobListItem: {
            abridged: boolean;
            completed_at: string | null;
            /** Format: date-time */
            created_at: string;
            error: components["schemas"]["FailureOut"] | null;
            eta_s: number | null;
            expires_at: string | null;
            id: string;
            images: components["schemas"]["ListedImageOut"][];
            progress: components["schemas"]["ProgressOut"];
            request: components["schemas"]["ResolvedRequest"];
            seeds: number[];
            started_at: string | null;
            status: components["schemas"]["Status"];
            urls: components["schemas"]["JobUrls"];
        };
        JobOut: {
            completed_at: string | null;
            /** Format: date-time */
            created_at: string;
            error: components["schemas"]["FailureOut"] | null;
            eta_s: number | null;
            expires_at: string | null;
            id: string;
            images: components["schemas"]["ImageOut"][];
            progress: components["schemas"]["ProgressOut"];
            prompt_truncated: boolean | null;
            queue_position: number | null;
            request: components["schemas"]["ResolvedRequest"];
            seeds: number[];
            started_at: string | null;
            status: components["schemas"]["Status"];
            timings: components["schemas"]["TimingsOut"] | null;
            urls: components["schemas"]["JobUrls"];
        };
        JobUrls: {
            cancel: string;
            events: string;
            self: string;
        };
        ListedImageOut: {
            height: number;
            index: number;
            mime: string;
            seed: number;
            sha256: string;
            size_bytes: number;
            thumbnail_url: string;
            url: string;
            width: number;
        };
        ModelLimits: {
            max_guidance_scale: number;
            max_pixels: number;
            max_prompt_chars: number;
            max_side: number;
            max_steps: number;
            min_side: number;
            side_multiple: number;
        };
        ModelOut: {
            alias_prefixes: string[];
            aliases: string[];
            default: boolean;
            defaults: components["schemas"]["DefaultsOut"];
            id: string;
            inputs: string[];
            limits: components["schemas"]["ModelLimits"];
            long_prompt_tokens: number;
            prompt_tokens: number;
            required_inputs: string[];
            samplers: components["schemas"]["SamplerLimitsOut"][];
            sizes: components["schemas"]["SizeOut"][];
            status: components["schemas"]["ModelStatus"];
            wait_s: number;
        };
        /** @enum {string} */
        ModelStatus: "disk" | "host" | "loading" | "resident" | "failed";
        /** @enum {string} */
        Phase: "loading" | "serving" | "stalled" | "restarting" | "draining" | "failed" | "stopped";
        ProblemDetail: {
            detail: string;
            pointer: string;
        };
        ProblemOut: {
            code: string;
            detail: string;
            errors: components["schemas"]["ProblemDetail"][];
            status: number;
            title: string;
            type: string;
        };
        ProgressOut: {
            fraction: number;
            loading_s: number | null;
            step: number;
            steps: number;
        };
        PromptTokens: {
            negative: components["schemas"]["TextTokens"] | null;
            prompt: components["schemas"]["TextTokens"];
        };
        Readiness: {
            activity: string;
            phase: components["schemas"]["Phase"];
            /** @enum {string} */
            status: "ready" | "not ready";
            /** @enum {string} */
            store: "available" | "unavailable";
        };
        RequestLimits: {
            max_body_bytes: number;
            max_pictures_per_job: number;
            max_pictures_per_prompt: number;
            max_previews: number;
            max_seed: number;
            max_upload_bytes: number;
            max_upload_pixels: number;
            max_wait_s: number;
        };
        ResolvedRequest: {
            crop: [
                number,
                number
            ];
            deadline_s: number | null;
            guidance_rescale: number;
            guidance_scale: number;
            height: number;
            hires: {
                height: number;
                steps: number;
                strength: number;
                upscaler: string;
                width: number;
            } | null;
            image: string | null;
            image_guidance_scale: number;
            keep_unmasked: boolean;
            long_prompt: boolean;
            mask: string | null;
            model: string;
            negative_prompt: string | null;
            num_inference_steps: number;
            original_size: [
                number,
                number
            ] | null;
            output_compression: number | null;
            /** @enum {string} */
            output_format: "png" | "webp" | "jpeg";
            previews: number;
            /** @enum {string} */
            priority: "interactive" | "batch";
            prompts: string[];
            refiner: {
                model: string;
                switch_at: number;
            } | null;
            sampler: string;
            schedule: string | null;
            strength: number;
            target_size: [
                number,
                number
            ] | null;
            width: number;
        };
        /** @enum {string} */
        Role: "user" | "admin";
        SamplerLimitsOut: {
            impossible_steps: number[];
            max_steps: number;
            name: string;
            schedules: string[];
        };
        SamplerOut: {
            aliases: string[];
            label: string;
            max_steps: number | null;
            name: string;
            schedules: string[];
            stochastic: boolean;
        };
        SessionOut: {
            expires_at: string | null;
            keys_required: boolean;
            name: string;
            role: components["schemas"]["Role"];
            tenant: string;
        };
        SizeOut: {
            height: number;
            width: number;
        };
        /** @enum {string} */
        Status: "queued" | "running" | "succeeded" | "failed" | "canceled";
        TextTokens: {
            read: number;
            total: number;
        };
        TimingsOut: {
            batch_size: number;
            decode_s: number;
            denoise_s: number;
            encode_s: number;
            queue_s: number;
            total_s: number | null;
        };
        UnusableModelOut: {
            error: string;
            id: string;
        };
        UploadOut: {
            /** Format: date-time */
            created_at: string;
            expires_at: string | null;
            height: number;
            sha256: string;
            size_bytes: number;
            width: number;
        };
        UpscalerOut: {
            decoded: boolean;
            label: string;
            name: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
